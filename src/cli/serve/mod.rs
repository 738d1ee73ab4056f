//! `suq serve`

mod systemd;

use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinError, JoinHandle};
use tokio_util::task::AbortOnDropHandle;

use super::logging::LogFormat;
use super::{Common, Exit, ask};
use crate::home::Home;
use crate::http::{Api, ApiSettings, Http, Marketplace, Options};
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
  suq serve --log-format json

SIGTERM and Ctrl-C end it when everything is written; SIGHUP reads policy, trust and
the host certificate again. config/suq.service is a unit for systemd.")]
pub(crate) struct Serve {
    /// How the lines of the log look
    #[arg(long, value_name = "FORMAT", env = "SUQ_LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,
}

impl Serve {
    pub(super) fn log_format(&self) -> LogFormat {
        self.log_format
    }

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
    let options = Options::new(&settings.http, home.root())?;
    let (node, mut task) = Node::start(home).await?;
    let (blobs, serving) = (node.blobs().clone(), node.serving().clone());
    let marketplace = Marketplace::new(node.clone(), settings.http.uploads);
    let api = ApiSettings {
        origins: settings.http.origins.clone(),
        tells_judgements: settings.http.judgements,
    };
    let catalogue = Some((marketplace, Api::new(node.clone(), api)));
    let http = Http::start(options, blobs, catalogue, serving).await;
    let http = match http {
        Ok(http) => http,
        Err(error) => {
            stop(&node, &mut task, None).await?;
            return Err(error.into());
        }
    };
    node.set_http(http.addresses(), http.tls_addresses());
    for address in http.addresses() {
        tracing::info!(%address, "HTTP");
    }
    for address in http.tls_addresses() {
        tracing::info!(%address, "HTTPS");
    }
    tracing::info!(home = %home.root().display(), peer = %node.peer(), "running");
    let handler = |kind| signal(kind).map_err(|error| Exit::failed(format!("signals: {error}")));
    let mut terminate = handler(SignalKind::terminate())?;
    let mut interrupt = handler(SignalKind::interrupt())?;
    let mut hang_up = handler(SignalKind::hangup())?;
    systemd::ready();
    let _pulse = AbortOnDropHandle::new(tokio::spawn(systemd::pulse(node.clone())));
    loop {
        tokio::select! {
            ended = &mut task => return ended.map_err(failed),
            _ = terminate.recv() => return stop(&node, &mut task, Some(http)).await,
            _ = interrupt.recv() => return stop(&node, &mut task, Some(http)).await,
            _ = hang_up.recv() => reload(&node, &http).await,
        }
    }
}

/// Ends the node when everything is written and answers had time to end.
async fn stop(node: &Node, task: &mut JoinHandle<()>, http: Option<Http>) -> Result<(), Exit> {
    systemd::stopping();
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

async fn reload(node: &Node, http: &Http) {
    systemd::reloading();
    match node.call(Call::Reload).await {
        Answer::Failed(failure) => tracing::error!("{failure}"),
        _ => tracing::info!("policy and trust were read again"),
    }
    if let Err(error) = http.reload() {
        tracing::error!("{error}; the host certificate of before stays");
    }
    systemd::ready();
}
