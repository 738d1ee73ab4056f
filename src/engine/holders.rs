//! Holders: which of some blobs other sites hold, before this one gives them up.

use std::collections::{BTreeMap, BTreeSet};

use super::limits::{MAX_ASKED_FOR_BLOB, MAX_SURVEYED, MAX_SURVEYS};
use super::{AskId, CallId, Effect, Engine, Reply};
use crate::model::{Peer, Sha512, Timestamp};
use crate::wire::{BlobName, Holding, MAX_HOLDINGS, Request, Response};

/// Blobs that are asked about, for one call.
#[derive(Debug)]
struct Survey {
    /// Blobs with their sizes.
    blobs: BTreeMap<Sha512, u64>,
    /// Who says to hold them.
    held: BTreeMap<Sha512, BTreeSet<Peer>>,
    /// Questions that are not answered.
    silent: usize,
}

/// All surveys under way.
#[derive(Debug, Default)]
pub(super) struct Holders {
    surveys: BTreeMap<CallId, Survey>,
    asks: BTreeMap<AskId, (CallId, Peer)>,
}

impl Holders {
    pub(super) fn has_asked(&self, ask: AskId) -> bool {
        self.asks.contains_key(&ask)
    }
}

impl Engine {
    /// Asks connected peers which of these blobs they hold. One that does not answer
    /// holds nothing.
    pub(super) fn survey_on_call(&mut self, call: CallId, blobs: BTreeMap<Sha512, u64>) {
        if self.holders.surveys.len() >= MAX_SURVEYS || blobs.len() > MAX_SURVEYED {
            return self.reply(call, Reply::Busy);
        }
        let names: Vec<BlobName> = blobs.keys().copied().map(BlobName::Sha512).collect();
        let peers: Vec<Peer> = self.peers.connected().take(MAX_ASKED_FOR_BLOB).collect();
        let mut silent = 0;
        for peer in peers {
            for names in names.chunks(MAX_HOLDINGS) {
                let ask = AskId(self.ids.next());
                self.holders.asks.insert(ask, (call, peer));
                let request = Request::Holdings(names.to_vec());
                self.outbox.push(Effect::Ask { ask, peer, request });
                silent += 1;
            }
        }
        let survey = Survey { blobs, held: BTreeMap::new(), silent };
        self.holders.surveys.insert(call, survey);
        self.end_survey(call);
    }

    pub(super) fn survey_answered(
        &mut self,
        ask: AskId,
        answer: Result<Response, String>,
        now: Timestamp,
    ) {
        let Some((call, peer)) = self.holders.asks.remove(&ask) else { return };
        let Some(survey) = self.holders.surveys.get_mut(&call) else { return };
        survey.silent -= 1;
        match answer {
            Ok(Response::Holdings(holdings)) => {
                let fits = |held: &&Holding| {
                    held.name == BlobName::Sha512(held.sha512)
                        && survey.blobs.get(&held.sha512) == Some(&held.bytes)
                };
                let held: Vec<Sha512> = holdings.iter().filter(fits).map(|h| h.sha512).collect();
                for blob in held {
                    survey.held.entry(blob).or_default().insert(peer);
                }
            }
            Ok(Response::Error { .. }) | Err(_) => {}
            Ok(_) => self.blame(peer, "its answer does not fit the question", now),
        }
        self.end_survey(call);
    }

    fn end_survey(&mut self, call: CallId) {
        let is_over = |survey: &Survey| survey.silent == 0;
        if self.holders.surveys.get(&call).is_some_and(is_over) {
            let held = self.holders.surveys.remove(&call).map(|survey| survey.held);
            self.reply(call, Reply::Held(held.unwrap_or_default()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::engine::{Input, Rules, Start};
    use crate::model::Sha256;
    use crate::policy::Policy;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn engine() -> Engine {
        let policy = Arc::new(Policy::parse("policy.cfg", "").unwrap());
        let rules = Rules { policy, anchors: Sha256::of(b"none") };
        Engine::new(Start {
            judged_under: Some(rules.digest()),
            rules,
            known: Vec::new(),
            peers: Vec::new(),
            relay_refused: true,
            door: None,
            seed: 1,
        })
    }

    fn blob(n: u8) -> Sha512 {
        Sha512::from_bytes([n; 64])
    }

    fn asked(effects: &[Effect]) -> Vec<(AskId, usize)> {
        let ask = |effect: &Effect| match effect {
            Effect::Ask { ask, request: Request::Holdings(names), .. } => Some((*ask, names.len())),
            _ => None,
        };
        effects.iter().filter_map(ask).collect()
    }

    fn held(effects: &[Effect]) -> Option<BTreeMap<Sha512, BTreeSet<Peer>>> {
        effects.iter().find_map(|effect| match effect {
            Effect::Reply { reply: Reply::Held(held), .. } => Some(held.clone()),
            _ => None,
        })
    }

    #[test]
    fn a_blob_is_held_elsewhere_only_when_a_peer_says_so_with_its_size() {
        let mut engine = engine();
        for n in 1..=2 {
            let _ = engine.handle(Input::Connected { peer: Peer::from_key([n; 32]) }, NOW);
        }
        let blobs = (0..70).map(|n| (blob(n), 10)).collect();
        let asks = asked(&engine.handle(Input::Survey { call: CallId(1), blobs }, NOW));
        assert_eq!(asks.iter().map(|(_, names)| *names).collect::<Vec<_>>(), [64, 6, 64, 6]);
        let holding =
            |name, n, bytes| Holding { name: BlobName::Sha512(blob(name)), sha512: blob(n), bytes };
        let holdings =
            vec![holding(1, 1, 10), holding(2, 2, 11), holding(3, 4, 10), holding(99, 99, 10)];
        let answers = [
            Ok(Response::Holdings(holdings)),
            Err("gone".to_owned()),
            Ok(Response::Holdings(vec![holding(5, 5, 10)])),
            Ok(Response::Holdings(Vec::new())),
        ];
        let mut found = None;
        for ((ask, _), answer) in asks.into_iter().zip(answers) {
            assert_eq!(found, None, "it waits for everyone");
            found = held(&engine.handle(Input::Answered { ask, answer }, NOW));
        }
        let peers = |n| BTreeSet::from([Peer::from_key([n; 32])]);
        assert_eq!(found, Some([(blob(1), peers(1)), (blob(5), peers(2))].into()));
    }

    #[test]
    fn without_peers_nobody_holds_anything() {
        let blobs = [(blob(1), 10)].into();
        let effects = engine().handle(Input::Survey { call: CallId(1), blobs }, NOW);
        assert_eq!(held(&effects), Some(BTreeMap::new()));
    }
}
