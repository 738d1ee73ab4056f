//! `suq serve`

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::{Common, Exit, ask, output};
use crate::node::{Answer, Call, Node};

/// Run the node until SIGTERM or Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq serve
  suq --home /srv/suq serve -v

SIGTERM and Ctrl-C end it when everything is written; SIGHUP reads policy and
trust again. With systemd, use Type=notify.")]
pub(crate) struct Serve {}

impl Serve {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        let home = ask::home(common)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| Exit::failed(format!("tokio: {error}")))?;
        runtime.block_on(async {
            let (node, mut task) = Node::start(&home).await?;
            tracing::info!(home = %home.root().display(), peer = %node.peer(), "running");
            // Not under systemd: nobody to tell.
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
            let handler =
                |kind| signal(kind).map_err(|error| Exit::failed(format!("signals: {error}")));
            let mut terminate = handler(SignalKind::terminate())?;
            let mut interrupt = handler(SignalKind::interrupt())?;
            let mut hang_up = handler(SignalKind::hangup())?;
            loop {
                tokio::select! {
                    ended = &mut task => {
                        return ended.map_err(|_| Exit::failed("the node failed: see its log"));
                    }
                    _ = terminate.recv() => { node.call(Call::Stop).await; }
                    _ = interrupt.recv() => { node.call(Call::Stop).await; }
                    _ = hang_up.recv() => reload(&node).await,
                }
            }
        })
    }
}

async fn reload(node: &Node) {
    match node.call(Call::Reload).await {
        Answer::Failed(failure) => output::error(&failure.message),
        _ => tracing::info!("policy and trust were read again"),
    }
}
