//! What the running node knows that no store holds.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::ImageName;
use super::counts::Counts;
use super::mirror::{MirrorView, News};
use crate::engine::{Provider, Share, Wanted};
use crate::model::{ChangeNumber, Identifier, Peer, Sha512, Timestamp};

/// How far a transfer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Bytes that have arrived.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
    /// What each provider has brought.
    pub shares: Vec<Share>,
    /// Providers that bring nothing more.
    pub failed: Vec<ProviderFailure>,
}

/// A provider that brings nothing more of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderFailure {
    /// Who.
    pub from: Provider,
    /// Why.
    pub reason: String,
}

/// State that the run loop and its jobs share with whoever asks.
#[derive(Debug, Clone, Default)]
pub(super) struct Live {
    state: Arc<Mutex<State>>,
    news: News,
    /// The last change of the catalogue that is durable.
    changed: watch::Sender<ChangeNumber>,
}

#[derive(Debug, Default)]
struct State {
    /// With the SHA-512, where the manifest has one.
    transfers: BTreeMap<Identifier, (Option<Sha512>, Progress)>,
    reconciled: Vec<(Peer, Timestamp)>,
    http: Vec<SocketAddr>,
    https: Vec<SocketAddr>,
    sent: u64,
    counts: Counts,
    /// The last write failed.
    store_failed: bool,
    mirror: MirrorView,
}

impl Live {
    pub(super) fn set_progress(
        &self,
        wanted: &Wanted,
        done: u64,
        shares: Vec<Share>,
        failures: Vec<(Provider, String)>,
    ) {
        let failed = |(from, reason)| ProviderFailure { from, reason };
        let failed = failures.into_iter().map(failed).collect();
        let progress = Progress { done, total: wanted.bytes, shares, failed };
        let transfer = (wanted.checksums.sha512(), progress);
        self.lock().transfers.insert(wanted.identifier, transfer);
    }

    pub(super) fn end_transfer(&self, image: &Identifier) {
        self.lock().transfers.remove(image);
    }

    pub(super) fn progress(&self, image: &ImageName) -> Option<Progress> {
        let transfers = &self.lock().transfers;
        let found = match image {
            ImageName::Identifier(identifier) => transfers.get(identifier),
            ImageName::Sha512(wanted) => {
                transfers.values().find(|(sha512, _)| *sha512 == Some(*wanted))
            }
        };
        found.map(|(_, progress)| progress.clone())
    }

    pub(super) fn set_reconciled(&self, reconciled: Vec<(Peer, Timestamp)>) {
        self.lock().reconciled = reconciled;
    }

    pub(super) fn reconciled(&self) -> Vec<(Peer, Timestamp)> {
        self.lock().reconciled.clone()
    }

    pub(super) fn set_http(&self, plain: Vec<SocketAddr>, tls: Vec<SocketAddr>) {
        let mut state = self.lock();
        (state.http, state.https) = (plain, tls);
    }

    pub(super) fn http(&self) -> Vec<SocketAddr> {
        self.lock().http.clone()
    }

    pub(super) fn https(&self) -> Vec<SocketAddr> {
        self.lock().https.clone()
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.lock().counts);
    }

    pub(super) fn counts(&self) -> Counts {
        self.lock().counts
    }

    pub(super) fn set_store_failed(&self, failed: bool) {
        self.lock().store_failed = failed;
    }

    pub(super) fn store_failed(&self) -> bool {
        self.lock().store_failed
    }

    pub(super) fn add_sent(&self, bytes: u64) {
        self.lock().sent += bytes;
    }

    pub(super) fn sent(&self) -> u64 {
        self.lock().sent
    }

    pub(super) fn set_mirror(&self, mirror: MirrorView) {
        self.lock().mirror = mirror;
    }

    pub(super) fn mirror(&self) -> MirrorView {
        self.lock().mirror.clone()
    }

    /// Where the mirror hears what changed.
    pub(super) fn news(&self) -> &News {
        &self.news
    }

    /// Tells whoever follows the catalogue.
    pub(super) fn set_changed(&self, last: ChangeNumber) {
        self.changed.send_if_modified(|known| std::mem::replace(known, last) != last);
    }

    /// Hears of changes of the catalogue.
    pub(super) fn changed(&self) -> watch::Receiver<ChangeNumber> {
        self.changed.subscribe()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
