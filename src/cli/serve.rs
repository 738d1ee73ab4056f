//! `suq serve`

use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinError, JoinHandle};

use super::{Common, Exit, ask, output};
use crate::home::Home;
use crate::http::{Api, ApiSettings, Http, Limits, Marketplace};
use crate::node::{Answer, Call, Node};

/// How long answers that are on their way may take when the node ends: a restart should
/// not wait for them, and clients go on by ranges.
const DRAIN: Duration = Duration::from_secs(10);

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
        runtime.block_on(serve(&home))
    }
}

async fn serve(home: &Home) -> Result<(), Exit> {
    let settings = home.settings()?;
    let (node, mut task) = Node::start(home).await?;
    let (listen, blobs) = (&settings.http.listen, node.blobs().clone());
    let marketplace = Marketplace::new(node.clone(), settings.http.uploads);
    let api = ApiSettings {
        origins: settings.http.origins.clone(),
        tells_judgements: settings.http.judgements,
    };
    let catalogue = Some((marketplace, Api::new(node.clone(), api)));
    let serving = node.serving().clone();
    let http = Http::start(listen, blobs, catalogue, Limits::default(), serving).await;
    let http = match http {
        Ok(http) => http,
        Err(error) => {
            stop(&node, &mut task, None).await?;
            return Err(error.into());
        }
    };
    node.set_http(http.addresses());
    for address in http.addresses() {
        tracing::info!(%address, "HTTP");
    }
    tracing::info!(home = %home.root().display(), peer = %node.peer(), "running");
    // Not under systemd: nobody to tell.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    let handler = |kind| signal(kind).map_err(|error| Exit::failed(format!("signals: {error}")));
    let mut terminate = handler(SignalKind::terminate())?;
    let mut interrupt = handler(SignalKind::interrupt())?;
    let mut hang_up = handler(SignalKind::hangup())?;
    loop {
        tokio::select! {
            ended = &mut task => return ended.map_err(failed),
            _ = terminate.recv() => return stop(&node, &mut task, Some(http)).await,
            _ = interrupt.recv() => return stop(&node, &mut task, Some(http)).await,
            _ = hang_up.recv() => reload(&node).await,
        }
    }
}

/// Ends the node when everything is written and answers had time to end.
async fn stop(node: &Node, task: &mut JoinHandle<()>, http: Option<Http>) -> Result<(), Exit> {
    let end = async {
        if let Some(http) = http {
            http.stop(DRAIN).await;
        }
    };
    let (_, (), ended) = tokio::join!(node.call(Call::Stop), end, task);
    ended.map_err(failed)
}

fn failed(_: JoinError) -> Exit {
    Exit::failed("the node failed: see its log")
}

async fn reload(node: &Node) {
    match node.call(Call::Reload).await {
        Answer::Failed(failure) => output::error(&failure.message),
        _ => tracing::info!("policy and trust were read again"),
    }
}
