//! Work that takes time, on threads where it blocks nobody.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::catalogue::{Allowed, Catalogue};
use super::transfer::Transfer;
use super::{Answer, Call, ImageName};
use crate::engine::{FetchId, Input, JobId, LoadId};
use crate::model::{ContentId, Timestamp};
use crate::net::Net;
use crate::wire::{BlobName, Holding, Response};

/// Documents that one thread verifies before it tells: changing threads costs as much
/// as a part of a verification, and a millisecond is no long wait.
const MAX_PORTION: usize = 16;

/// What a job tells the run loop.
pub(super) enum Done {
    /// Something happened to the engine.
    Inputs(Vec<Input>),
    /// An image was judged and may be fetched.
    Allowed(Box<Allowed>, oneshot::Sender<Answer>),
}

/// Starts jobs. Their number is bounded by whoever orders them: the engine for
/// verifications, reads and transfers, the control socket for calls.
#[derive(Clone)]
pub(super) struct Jobs {
    pub(super) catalogue: Catalogue,
    pub(super) done: UnboundedSender<Done>,
}

impl Jobs {
    fn blocking(&self, job: impl FnOnce(&Catalogue) -> Option<Done> + Send + 'static) {
        let Jobs { catalogue, done } = self.clone();
        tokio::task::spawn_blocking(move || {
            if let Some(result) = job(&catalogue) {
                // The run loop is gone when the node stops.
                let _ = done.send(result);
            }
        });
    }

    /// Verifies documents, shared out to all cores in portions.
    pub(super) fn verify(&self, documents: Vec<(JobId, Arc<[u8]>)>) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let portion = documents.len().div_ceil(cores).clamp(1, MAX_PORTION);
        let mut documents = documents.into_iter();
        loop {
            let portion: Vec<_> = documents.by_ref().take(portion).collect();
            if portion.is_empty() {
                return;
            }
            self.blocking(move |catalogue| {
                let anchors = catalogue.trusted().anchors;
                let digest = anchors.digest();
                let verified = |(job, document): (JobId, Arc<[u8]>)| {
                    let outcome = match catalogue.verifier.verify(&document) {
                        Ok(verified) => {
                            let trust = anchors.check(&verified);
                            Ok((Box::new(verified), trust))
                        }
                        Err(error) => Err(error.to_string()),
                    };
                    Input::Verified { job, outcome, anchors: digest }
                };
                Some(Done::Inputs(portion.into_iter().map(verified).collect()))
            });
        }
    }

    pub(super) fn load(&self, load: LoadId, ids: Vec<ContentId>) {
        self.blocking(move |catalogue| {
            let read = |id: ContentId| match catalogue.store.entry(&id) {
                Ok(entry) => entry.map(|entry| (id, Arc::from(entry.octets))),
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
                    None => return Some(Done::Allowed(Box::new(allowed), reply)),
                },
            };
            let _ = reply.send(answer);
            None
        });
    }

    pub(super) fn fetch(&self, fetch: FetchId, transfer: Transfer) {
        let done = self.done.clone();
        tokio::spawn(async move {
            let outcome = transfer.run().await;
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
