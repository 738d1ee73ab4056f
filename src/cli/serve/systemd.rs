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
    let tell = |state: NotifyState<'_>| drop(notify(&[state]));
    loop {
        beat(&node, interval, tell).await;
        sleep(interval).await;
    }
}

/// One sign of life, when there is life.
async fn beat(node: &Node, patience: Duration, mut tell: impl FnMut(NotifyState<'_>)) {
    if !node.responds(patience).await {
        tracing::error!("the run loop does not answer: systemd hears of no life");
        return tell(NotifyState::Status("THE RUN LOOP DOES NOT ANSWER"));
    }
    tell(NotifyState::Watchdog);
    // A slow disk delays the news, not the sign of life.
    if let Ok(Answer::Status(status)) = timeout(patience, node.call(Call::Status)).await {
        tell(NotifyState::Status(&line(&status)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::{Federation, Home};
    use crate::model::FederationId;

    fn home(folder: &std::path::Path) -> Home {
        let id = FederationId::from_bytes([5; 32]);
        let federation = Federation { name: "test".into(), id, founders: Vec::new() };
        Home::create(folder, b"a key", &[], &federation).unwrap()
    }

    #[tokio::test]
    async fn a_node_whose_run_loop_does_not_answer_shows_no_life() {
        let folder = tempfile::tempdir().unwrap();
        let node = Node::played(&home(folder.path()), |_| None);
        let mut told = Vec::new();
        beat(&node, Duration::from_millis(1), |state| told.push(state.to_string())).await;
        assert_eq!(told, ["STATUS=THE RUN LOOP DOES NOT ANSWER"]);
    }

    #[tokio::test]
    async fn a_slow_disk_is_no_reason_to_start_the_node_again() {
        let folder = tempfile::tempdir().unwrap();
        let (asked, mut question) = tokio::sync::mpsc::unbounded_channel();
        let node = Node::played(&home(folder.path()), move |call| match call {
            Call::Ping => Some(Answer::Done),
            _ => {
                asked.send(()).unwrap();
                None
            }
        });
        let mut told = Vec::new();
        let for_ever = Duration::from_secs(3600);
        tokio::select! {
            () = beat(&node, for_ever, |state| told.push(state.to_string())) => {}
            _ = question.recv() => {}
        }
        assert_eq!(told, ["WATCHDOG=1"]);
    }
}
