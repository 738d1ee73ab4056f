//! What an engine holds on to: every number of it has a bound in `limits`.

use super::Engine;

/// Work and memory that peers and callers cause at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pending {
    /// Documents being verified or waiting for it.
    pub admitting: usize,
    /// Documents dated ahead that wait for their time.
    pub held: usize,
    /// Writes under way.
    pub writes: usize,
    /// Reconciliations under way.
    pub sessions: usize,
    /// Ids that these found missing and still have to ask for.
    pub needed: usize,
    /// Questions of peers that wait for the store.
    pub questions: usize,
    /// Refusals kept.
    pub refusals: usize,
    /// Peers remembered.
    pub peers: usize,
}

impl Engine {
    /// What is being held; cheap enough to be asked after every input.
    #[must_use]
    pub fn pending(&self) -> Pending {
        let (sessions, needed) = self.sync.backlog();
        Pending {
            admitting: self.admission.len(),
            held: self.admission.held.len(),
            writes: self.writes.len(),
            sessions,
            needed,
            questions: self.serve.len(),
            refusals: self.catalogue.refusals(),
            peers: self.peers.count(),
        }
    }
}
