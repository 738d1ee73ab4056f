//! What the running node knows that no store holds.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::mirror::{MirrorView, News};
use crate::engine::{Share, Wanted};
use crate::model::{Identifier, Peer, Timestamp};

/// How far a transfer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Bytes that have arrived.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
    /// What each provider has brought.
    pub shares: Vec<Share>,
}

/// State that the run loop and its jobs share with whoever asks.
#[derive(Debug, Clone, Default)]
pub(super) struct Live(Arc<Mutex<State>>, News);

#[derive(Debug, Default)]
struct State {
    transfers: BTreeMap<Identifier, Progress>,
    reconciled: Vec<(Peer, Timestamp)>,
    http: Vec<SocketAddr>,
    mirror: MirrorView,
}

impl Live {
    pub(super) fn set_progress(&self, wanted: &Wanted, done: u64, shares: Vec<Share>) {
        let progress = Progress { done, total: wanted.bytes, shares };
        self.lock().transfers.insert(wanted.identifier, progress);
    }

    pub(super) fn end_transfer(&self, image: &Identifier) {
        self.lock().transfers.remove(image);
    }

    pub(super) fn progress(&self, image: &Identifier) -> Option<Progress> {
        self.lock().transfers.get(image).cloned()
    }

    pub(super) fn set_reconciled(&self, reconciled: Vec<(Peer, Timestamp)>) {
        self.lock().reconciled = reconciled;
    }

    pub(super) fn reconciled(&self) -> Vec<(Peer, Timestamp)> {
        self.lock().reconciled.clone()
    }

    pub(super) fn set_http(&self, addresses: Vec<SocketAddr>) {
        self.lock().http = addresses;
    }

    pub(super) fn http(&self) -> Vec<SocketAddr> {
        self.lock().http.clone()
    }

    pub(super) fn set_mirror(&self, mirror: MirrorView) {
        self.lock().mirror = mirror;
    }

    pub(super) fn mirror(&self) -> MirrorView {
        self.lock().mirror.clone()
    }

    /// Where the mirror hears what changed.
    pub(super) fn news(&self) -> &News {
        &self.1
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
