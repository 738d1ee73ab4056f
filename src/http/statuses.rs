//! How the node is, asked seldom however often that is looked at.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::node::{Answer, Call, Node, StatusView};

/// How long a status is told again: each costs a look at every stored image.
const FRESH: Duration = Duration::from_secs(1);

/// A status, and when it was told.
type Told = (Instant, Arc<StatusView>);

/// The node's status, kept. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Statuses {
    node: Node,
    /// How long is waited for an answer.
    patience: Duration,
    last: Arc<Mutex<Option<Told>>>,
    /// Held while the node is asked: however slow it is, it is asked once.
    asking: Arc<tokio::sync::Mutex<()>>,
}

/// What is known of the node.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// The last status; none when there was none yet.
    pub(super) status: Option<Arc<StatusView>>,
    /// True when the node answered in time.
    pub(super) is_answered: bool,
}

impl Statuses {
    pub(super) fn new(node: Node, patience: Duration) -> Statuses {
        Statuses { node, patience, last: Arc::default(), asking: Arc::default() }
    }

    /// True when the run loop answers in time.
    pub(super) async fn responds(&self) -> bool {
        self.node.responds(self.patience).await
    }

    /// The node's status, or the last that it gave.
    pub(super) async fn latest(&self) -> Seen {
        // Whoever does not wait any more leaves the question to those who come later.
        let asked = tokio::time::timeout(self.patience, self.ask()).await;
        let last = self.lock();
        let status = last.as_ref().map(|(_, status)| Arc::clone(status));
        Seen { status, is_answered: asked.is_ok() && is_fresh(last.as_ref()) }
    }

    async fn ask(&self) {
        let alone = Arc::clone(&self.asking).lock_owned().await;
        if is_fresh(self.lock().as_ref()) {
            return;
        }
        let statuses = self.clone();
        let asking = tokio::spawn(async move {
            if let Answer::Status(status) = statuses.node.call(Call::Status).await {
                *statuses.lock() = Some((Instant::now(), Arc::from(status)));
            }
            drop(alone);
        });
        let _ = asking.await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Told>> {
        // Nothing panics while it is held.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_fresh(last: Option<&Told>) -> bool {
    last.is_some_and(|(then, _)| then.elapsed() < FRESH)
}
