//! One thread for each core that verifies documents: as many as can work at once, so
//! that a flood of documents takes neither memory for hundreds of threads nor the
//! places of other work.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::UnboundedSender;

use super::catalogue::Catalogue;
use super::jobs::Done;
use crate::engine::{Input, JobId};

/// Documents that one thread verifies before it tells: changing threads costs as much
/// as a part of a verification, and a millisecond is no long wait.
const MAX_PORTION: usize = 16;

/// A document to verify.
pub(super) type Unverified = (JobId, Arc<[u8]>);

/// Hands documents to the threads, which end when it is dropped. How many wait is
/// bounded by the engine, which orders them.
pub(super) struct Verifiers {
    portions: Sender<Vec<Unverified>>,
    threads: usize,
}

impl Verifiers {
    /// Starts the threads.
    pub(super) fn start(catalogue: &Catalogue, done: &UnboundedSender<Done>) -> Verifiers {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let (portions, receiver) = mpsc::channel();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..threads {
            let (catalogue, done, receiver) = (catalogue.clone(), done.clone(), receiver.clone());
            std::thread::spawn(move || work(&catalogue, &done, &receiver));
        }
        Verifiers { portions, threads }
    }

    /// Has documents verified, shared out to all threads.
    pub(super) fn verify(&self, documents: Vec<Unverified>) {
        let portion = documents.len().div_ceil(self.threads).clamp(1, MAX_PORTION);
        let mut documents = documents.into_iter();
        loop {
            let portion: Vec<Unverified> = documents.by_ref().take(portion).collect();
            // The threads are there as long as this is.
            if portion.is_empty() || self.portions.send(portion).is_err() {
                return;
            }
        }
    }
}

fn work(
    catalogue: &Catalogue,
    done: &UnboundedSender<Done>,
    portions: &Mutex<Receiver<Vec<Unverified>>>,
) {
    loop {
        let next = portions.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(portion) = next else { return };
        let anchors = catalogue.trusted().anchors;
        let digest = anchors.digest();
        let verified = |(job, document): Unverified| {
            let outcome = match catalogue.verifier.verify(&document) {
                Ok(verified) => {
                    let trust = anchors.check(&verified);
                    Ok((Box::new(verified), trust))
                }
                Err(error) => Err(error.to_string()),
            };
            Input::Verified { job, outcome, anchors: digest }
        };
        let inputs = portion.into_iter().map(verified).collect();
        if done.send(Done::Inputs(inputs)).is_err() {
            // The run loop is gone: the node stops.
            return;
        }
    }
}
