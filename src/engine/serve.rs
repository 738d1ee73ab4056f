//! Serve: answers to what peers ask.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::limits::MAX_QUESTIONS_PER_PEER;
use super::{Effect, Engine, LoadId, QuestionId, Standing};
use crate::model::{ContentId, Peer};
use crate::wire::{
    Document, ErrorCode, MAX_DOCUMENT_BYTES, MAX_DOCUMENTS, MAX_HOLDINGS, MAX_LISTED,
    MAX_RECONCILE_FRAME_BYTES, MAX_RESPONSE_BYTES, Position, Request, Response,
};

/// Questions that wait for the store.
#[derive(Debug, Default)]
pub(super) struct Serve {
    loads: BTreeMap<LoadId, (Peer, QuestionId)>,
}

impl Serve {
    pub(super) fn len(&self) -> usize {
        self.loads.len()
    }
}

/// Bytes of documents in one answer, so that one more of the largest still fits.
const FULL: usize = MAX_RESPONSE_BYTES - MAX_DOCUMENT_BYTES - 64 * MAX_DOCUMENTS;

impl Engine {
    pub(super) fn question(&mut self, peer: Peer, question: QuestionId, request: Request) {
        let response = match request {
            Request::Reconcile(frame) if frame.len() <= MAX_RECONCILE_FRAME_BYTES => {
                match self.sync.snapshot(&self.catalogue).respond(&frame) {
                    Ok(frame) => Response::Reconcile(frame),
                    Err(error) => failure(ErrorCode::Malformed, &error.to_string()),
                }
            }
            Request::List(from) => self.listed(from),
            Request::Documents(ids) if ids.len() <= MAX_DOCUMENTS => {
                return self.serve_documents(peer, question, ids);
            }
            Request::Holdings(names) if names.len() <= MAX_HOLDINGS => {
                return self.outbox.push(Effect::AnswerHoldings { question, names });
            }
            Request::Members(theirs) => self.members_response(theirs),
            Request::Reconcile(_) | Request::Documents(_) | Request::Holdings(_) => {
                failure(ErrorCode::Malformed, "the request is over its limit")
            }
        };
        self.outbox.push(Effect::Answer { question, response });
    }

    /// A page of what this site hands out: no refusals, nothing withdrawn.
    fn listed(&mut self, from: Position) -> Response {
        let snapshot = self.sync.snapshot(&self.catalogue);
        let (page, next) = snapshot.page(from, MAX_LISTED);
        let served = |id: &ContentId| self.catalogue.standing(id) == Some(Standing::Admitted);
        let ids = page.filter(served).flat_map(|id| *id.as_bytes()).collect();
        Response::List { ids, next }
    }

    fn serve_documents(&mut self, peer: Peer, question: QuestionId, ids: Vec<ContentId>) {
        let waiting = self.serve.loads.values().filter(|(other, _)| *other == peer).count();
        if waiting >= MAX_QUESTIONS_PER_PEER {
            let response = failure(ErrorCode::Busy, "too many questions wait for an answer");
            return self.outbox.push(Effect::Answer { question, response });
        }
        // A withdrawn entry is never served.
        let served = |id: &ContentId| self.catalogue.standing(id) == Some(Standing::Admitted);
        let ids: Vec<ContentId> = ids.into_iter().filter(served).collect();
        let load = LoadId(self.ids.next());
        self.serve.loads.insert(load, (peer, question));
        self.outbox.push(Effect::Load { load, ids });
    }

    pub(super) fn serve_loaded(&mut self, load: LoadId, found: Vec<(ContentId, Arc<[u8]>)>) {
        let Some((_, question)) = self.serve.loads.remove(&load) else { return };
        let mut documents = Vec::with_capacity(found.len());
        let mut bytes = 0;
        let mut more = false;
        // One that was withdrawn while it was read is not served either.
        let served = |id: &ContentId| self.catalogue.standing(id) == Some(Standing::Admitted);
        for (id, octets) in found.into_iter().filter(|(id, _)| served(id)) {
            if bytes > FULL {
                more = true;
                break;
            }
            bytes += octets.len();
            documents.push(Document { id, octets: octets.to_vec() });
        }
        let response = Response::Documents { documents, more };
        self.outbox.push(Effect::Answer { question, response });
    }
}

fn failure(code: ErrorCode, text: &str) -> Response {
    Response::Error { code, text: text.to_owned() }
}
