//! Work that takes time, on threads where it blocks nobody.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::catalogue::{Allowed, Catalogue};
use super::collect::{Collecting, before_fetching};
use super::transfer::Transfer;
use super::{Answer, Call, ImageName};
use crate::engine::{FetchId, Input, LoadId};
use crate::model::{ContentId, Timestamp};
use crate::net::Net;
use crate::wire::{BlobName, Holding, Response};

/// What a job tells the run loop.
pub(super) enum Done {
    /// Something happened to the engine.
    Inputs(Vec<Input>),
    /// An image was judged and may be fetched.
    Allowed(Box<Allowed>, oneshot::Sender<Answer>),
    /// A collection is planned.
    Planned(Box<Collecting>),
    /// Something that the operators of this site should know.
    Alert(String),
}

/// Starts jobs. Their number is bounded by whoever orders them: the engine for
/// verifications, reads and transfers, the control socket for calls.
#[derive(Clone)]
pub(super) struct Jobs {
    pub(super) catalogue: Catalogue,
    pub(super) done: UnboundedSender<Done>,
}

impl Jobs {
    pub(super) fn blocking(&self, job: impl FnOnce(&Catalogue) -> Option<Done> + Send + 'static) {
        let Jobs { catalogue, done } = self.clone();
        tokio::task::spawn_blocking(move || {
            if let Some(result) = job(&catalogue) {
                // The run loop is gone when the node stops.
                let _ = done.send(result);
            }
        });
    }

    pub(super) fn load(&self, load: LoadId, ids: Vec<ContentId>) {
        self.blocking(move |catalogue| {
            let read = |id: ContentId| match catalogue.store.entry_and_document(&id) {
                Ok(entry) => entry.map(|entry| (id, Arc::from(entry.document))),
                Err(error) => {
                    tracing::error!("{error}");
                    None
                }
            };
            let documents = ids.into_iter().filter_map(read).collect();
            Some(Done::Inputs(vec![Input::Loaded { load, documents }]))
        });
    }

    /// Answers a call from the store alone.
    pub(super) fn answer(&self, call: Call, now: Timestamp, reply: oneshot::Sender<Answer>) {
        self.blocking(move |catalogue| {
            // The caller may have gone.
            let _ = reply.send(catalogue.answer(&call, now));
            None
        });
    }

    /// Judges an image; one that is here is handed out, another one fetched.
    pub(super) fn get(
        &self,
        image: ImageName,
        stale: bool,
        now: Timestamp,
        reply: oneshot::Sender<Answer>,
    ) {
        self.blocking(move |catalogue| {
            let answer = match catalogue.allowed(&image, stale, now) {
                Err(failure) => Answer::Failed(failure),
                Ok(allowed) => match catalogue.stored(&allowed) {
                    Some(image) => Answer::Got(image),
                    None => return Some(before_fetching(catalogue, allowed, now, reply)),
                },
            };
            let _ = reply.send(answer);
            None
        });
    }

    pub(super) fn fetch(&self, fetch: FetchId, transfer: Transfer) {
        let (done, live) = (self.done.clone(), self.catalogue.live.clone());
        live.count(|counts| counts.transfers.begin());
        tokio::spawn(async move {
            let outcome = transfer.run().await;
            live.count(|counts| counts.transfers.end(&outcome));
            let _ = done.send(Done::Inputs(vec![Input::FetchEnded { fetch, outcome }]));
        });
    }

    /// Tells a peer which blobs are here.
    pub(super) fn answer_holdings(&self, net: Net, question: u64, names: Vec<BlobName>) {
        let catalogue = self.catalogue.clone();
        tokio::spawn(async move {
            let holdings = tokio::task::spawn_blocking(move || {
                let blobs = catalogue.blobs();
                let holding = |name: BlobName| match name {
                    BlobName::Sha512(sha512) => {
                        blobs.size(&sha512).map(|bytes| Holding { name, sha512, bytes })
                    }
                    BlobName::Sha1(sha1) => blobs.by_sha1(&sha1).map(|blob| Holding {
                        name,
                        sha512: blob.sha512,
                        bytes: blob.bytes,
                    }),
                };
                names.into_iter().filter_map(holding).collect()
            });
            let holdings = holdings.await.unwrap_or_default();
            net.answer(question, Response::Holdings(holdings)).await;
        });
    }
}
