//! Sites that lie: they keep gossip to themselves, hide deprecations, send forged
//! documents for good ones, and answer reconciliations with nonsense or not at all.

use std::sync::Arc;

use suq::engine::AskId;
use suq::model::{ContentId, Peer, Sha256};
use suq::wire::{Document, MAX_DOCUMENTS, Position, Request, Response};

use super::World;
use super::documents::{EPOCH, LIBRARY, forge, forge_anew};
use super::network::{Delivery, number};
use super::scenario::{Flood, Lie};
use super::strangers::{AHEAD, EQUIVOCATIONS, STRANGE};

/// Almost as long as a site waits for an answer, in milliseconds.
const SLOW_MS: u64 = 18_000;

/// Ids that do not exist, in one frame.
const PHANTOMS: usize = 400;

/// Documents that an answer brings beside those asked for.
const UNASKED: usize = 100;

/// A frame that says that nothing differs.
const NOTHING_DIFFERS: [u8; 1] = [0x61];

impl World {
    /// What a site gossips of a document that it took: a hostile one keeps it, or
    /// passes on a forgery.
    pub(super) fn pass_on(&mut self, site: usize, from: Option<Peer>, document: &Arc<[u8]>) {
        if !self.sites[site].byzantine {
            return self.forward(site, from, document);
        }
        if self.scenario.lie(site) == Lie::Mixed && self.random.f64() < 0.3 {
            self.forward(site, None, &forge(document));
        }
    }

    /// What a site really answers, and how much later; nothing when it stays silent.
    pub(super) fn answer_of(&mut self, site: usize, answer: Response) -> Option<(Response, u64)> {
        if !self.sites[site].byzantine {
            return Some((answer, 0));
        }
        let told = match (self.scenario.lie(site), answer) {
            (Lie::Mixed, answer) => self.mixed(answer)?,
            (Lie::Silent, _) => return None,
            (Lie::Endless, Response::Reconcile(_)) => Response::Reconcile(self.differs(0)),
            (Lie::Phantoms, Response::Reconcile(_)) => Response::Reconcile(self.differs(PHANTOMS)),
            (Lie::OtherDocuments, Response::Documents { documents, more }) => {
                Response::Documents { documents: self.exchanged(documents), more }
            }
            (Lie::Withhold, Response::Reconcile(_)) => {
                Response::Reconcile(NOTHING_DIFFERS.to_vec())
            }
            (Lie::Endless, Response::List { .. }) => self.page(0),
            (Lie::Phantoms, Response::List { .. }) => self.page(PHANTOMS),
            (Lie::Slow, Response::Reconcile(_)) => Response::Reconcile(self.differs(MAX_DOCUMENTS)),
            (Lie::OtherDocuments, other) => other,
            (_, Response::Documents { .. }) => {
                Response::Documents { documents: Vec::new(), more: false }
            }
            (_, other) => other,
        };
        let wait_ms = if self.scenario.lie(site) == Lie::Slow { SLOW_MS } else { 0 };
        Some((told, wait_ms))
    }

    fn mixed(&mut self, answer: Response) -> Option<Response> {
        let lie = self.random.f64();
        match answer {
            Response::Documents { documents, more } => {
                let shown = documents.into_iter().filter(|document| !deprecates(document));
                let told = |document: Document| match lie < 0.5 {
                    true => Document { octets: forge(&document.octets).to_vec(), ..document },
                    false => document,
                };
                Some(Response::Documents { documents: shown.map(told).collect(), more })
            }
            Response::Reconcile(_) if lie < 0.3 => None,
            Response::Reconcile(_) if lie < 0.6 => {
                Some(Response::Reconcile(NOTHING_DIFFERS.to_vec()))
            }
            Response::Reconcile(mut frame) if lie < 0.8 => {
                let place = self.random.usize(0..frame.len());
                frame[place] = self.random.u8(..);
                Some(Response::Reconcile(frame))
            }
            other => Some(other),
        }
    }

    /// A page of ids of no document, after which more is said to come.
    fn page(&mut self, phantoms: usize) -> Response {
        let ids = (0..phantoms * 32).map(|_| self.random.u8(..)).collect();
        let seconds = EPOCH.seconds() as u64 + self.random.u64(..1_000_000);
        let next = Position { seconds, id: ContentId::from_bytes([0; 32]) };
        Response::List { ids, next: Some(next) }
    }

    /// A frame that lists ids of no document and says that everything after them
    /// differs, whatever it is compared with: it has to be asked about once more.
    fn differs(&mut self, phantoms: usize) -> Vec<u8> {
        let mut frame = vec![0x61];
        if phantoms > 0 {
            // Up to a time before all documents.
            varint(&mut frame, EPOCH.seconds() as u64 / 2);
            frame.extend([0, 2]);
            varint(&mut frame, phantoms as u64);
            frame.extend((0..phantoms * 32).map(|_| self.random.u8(..)));
        }
        // Up to infinity, by fingerprint.
        frame.extend([0, 0, 1]);
        frame.extend((0..16).map(|_| self.random.u8(..)));
        frame
    }

    /// Good documents under each other's names, and many that nobody asked for.
    fn exchanged(&mut self, documents: Vec<Document>) -> Vec<Document> {
        let other = || LIBRARY.documents[0].to_vec();
        let octets = |n: usize| documents.get(n).map_or_else(other, |d| d.octets.clone());
        let mut told: Vec<Document> = (0..documents.len())
            .map(|n| Document { id: documents[n].id, octets: octets(n + 1) })
            .collect();
        for _ in 0..UNASKED {
            self.forgeries += 1;
            let octets = forge_anew(&LIBRARY.documents[0], self.forgeries).to_vec();
            let id = ContentId::from_bytes(*Sha256::of(&octets).as_bytes());
            told.push(Document { id, octets });
        }
        told
    }

    /// Shows two documents under one key to different halves of the neighbours.
    pub(super) fn equivocate(&mut self, pair: usize) {
        let lies = |n: &usize| self.sites[*n].is_up() && self.sites[*n].byzantine;
        let liars: Vec<usize> = (0..self.sites.len()).filter(lies).collect();
        let Some(liar) = self.random.choice(liars) else { return };
        for to in self.network.connected(liar) {
            self.gossip(liar, to, &EQUIVOCATIONS[pair][to % 2]);
        }
    }

    /// A lying site sends more than anyone wants to each neighbour.
    pub(super) fn flood(&mut self, liar: usize, flood: &Flood) {
        if !self.sites[liar].is_up() {
            return;
        }
        // Half of them keep to what is well signed: nobody sends them away for that.
        let forgeries = if liar.is_multiple_of(2) { flood.forgeries } else { 0 };
        for to in self.network.connected(liar) {
            for _ in 0..forgeries {
                self.forgeries += 1;
                // Never a deprecation: their titles are those of others.
                let model = &LIBRARY.documents[0];
                self.gossip(liar, to, &forge_anew(model, self.forgeries));
            }
            for (count, documents) in [(flood.strangers, &STRANGE), (flood.ahead, &AHEAD)] {
                for _ in 0..count {
                    let chosen = self.random.usize(0..documents.len());
                    self.gossip(liar, to, &documents[chosen]);
                }
            }
            for _ in 0..flood.questions {
                self.pester(liar, to);
            }
        }
    }

    fn pester(&mut self, from: usize, to: usize) {
        let life = self.sites[from].life;
        let ids = (0..MAX_DOCUMENTS).map(|_| ContentId::from_bytes([self.random.u8(..); 32]));
        let request = Request::Documents(ids.collect());
        let ask = AskId(u64::MAX - self.random.u64(..1 << 32));
        self.transmit(from, to, Delivery::Question { from, to, ask, life, request }, 0);
    }

    /// True for a peer that lies, or is none of the sites.
    pub(super) fn is_hostile(&self, peer: Peer) -> bool {
        self.sites.get(number(peer)).is_none_or(|site| site.byzantine)
    }
}

/// As negentropy writes numbers.
fn varint(frame: &mut Vec<u8>, number: u64) {
    let groups = (1..10).rev().filter(|group| number >> (7 * group) > 0);
    frame.extend(groups.map(|group| (number >> (7 * group)) as u8 & 0x7f | 0x80));
    frame.push(number as u8 & 0x7f);
}

fn deprecates(document: &Document) -> bool {
    let verified = LIBRARY.verify(&Arc::from(document.octets.as_slice()));
    verified.is_ok_and(|(verified, _)| verified.manifest().is_deprecated())
}
