//! Sites that lie: they keep gossip to themselves, hide deprecations, send forged
//! documents for good ones, and answer reconciliations with nonsense or not at all.

use std::sync::Arc;

use suq::model::Peer;
use suq::wire::{Document, Response};

use super::World;
use super::documents::{LIBRARY, forge};

impl World {
    /// What a site gossips of a document that it took: a hostile one keeps it, or
    /// passes on a forgery.
    pub(super) fn pass_on(&mut self, site: usize, from: Option<Peer>, document: &Arc<[u8]>) {
        if !self.sites[site].byzantine {
            return self.forward(site, from, document);
        }
        if self.random.f64() < 0.3 {
            self.forward(site, None, &forge(document));
        }
    }

    /// What a site really answers; nothing when it stays silent.
    pub(super) fn answer_of(&mut self, site: usize, response: Response) -> Option<Response> {
        if !self.sites[site].byzantine {
            return Some(response);
        }
        let lie = self.random.f64();
        match response {
            Response::Documents { documents, more } => {
                let shown = documents.into_iter().filter(|document| !deprecates(document));
                let told = |document: Document| match lie < 0.5 {
                    true => Document { octets: forge(&document.octets).to_vec(), ..document },
                    false => document,
                };
                Some(Response::Documents { documents: shown.map(told).collect(), more })
            }
            Response::Reconcile(_) if lie < 0.3 => None,
            // A frame that says that nothing differs.
            Response::Reconcile(_) if lie < 0.6 => Some(Response::Reconcile(vec![0x61])),
            Response::Reconcile(mut frame) if lie < 0.8 => {
                let place = self.random.usize(0..frame.len());
                frame[place] = self.random.u8(..);
                Some(Response::Reconcile(frame))
            }
            other => Some(other),
        }
    }
}

fn deprecates(document: &Document) -> bool {
    let verified = LIBRARY.verify(&Arc::from(document.octets.as_slice()));
    verified.is_ok_and(|(verified, _)| verified.manifest().is_deprecated())
}
