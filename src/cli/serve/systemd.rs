//! What systemd is told: sd_notify(3). Not under systemd there is nobody to tell, and
//! nothing is lost.

use std::time::Duration;

use sd_notify::{NotifyState, notify};
use tokio::time::{sleep, timeout};

use crate::node::{Answer, Call, Node, StatusView};

/// How often `systemctl status` shows news, where no watchdog asks for more.
const NEWS: Duration = Duration::from_secs(30);

/// The node answers.
pub(super) fn ready() {
    let _ = notify(&[NotifyState::Ready]);
}

/// It reads its files again; [`ready`] follows.
pub(super) fn reloading() {
    let states = NotifyState::monotonic_usec_now().map(|time| [NotifyState::Reloading, time]);
    let _ = states.map(|states| notify(&states));
}

/// It ends when everything is written and answers had time to end.
pub(super) fn stopping() {
    let text = "everything is written, and answers on their way may end";
    let _ = notify(&[NotifyState::Stopping, NotifyState::Status(text)]);
}

/// Tells that the node is well, as often as the watchdog wants to hear it, and for as long
/// as its run loop answers.
pub(super) async fn pulse(node: Node) {
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return;
    }
    // A quarter each for the question, for the news, for the sleep and for a busy machine.
    let interval = sd_notify::watchdog_enabled().map_or(NEWS, |watchdog| watchdog / 4).min(NEWS);
    loop {
        beat(&node, interval).await;
        sleep(interval).await;
    }
}

/// One sign of life, when there is life.
async fn beat(node: &Node, patience: Duration) {
    if !node.responds(patience).await {
        tracing::error!("the run loop does not answer: systemd hears of no life");
        let _ = notify(&[NotifyState::Status("THE RUN LOOP DOES NOT ANSWER")]);
        return;
    }
    let _ = notify(&[NotifyState::Watchdog]);
    // A slow disk delays the news, not the sign of life.
    if let Ok(Answer::Status(status)) = timeout(patience, node.call(Call::Status)).await {
        let _ = notify(&[NotifyState::Status(&line(&status))]);
    }
}

fn line(status: &StatusView) -> String {
    let (peers, entries) = (status.connected.len(), status.documents.admitted);
    let line = format!("{peers} peers, {entries} entries, {} images", status.blobs);
    match status.unready.as_slice() {
        [] => line,
        reasons => format!("{line}; NOT READY: {}", reasons.join("; ")),
    }
}
