//! 6: whatever hostile peers send, a site holds and does no more than this. The
//! numbers stand here once more on purpose: a limit that was lifted in the engine is
//! noticed.

use suq::engine::Pending;
use suq::model::{Peer, Timestamp};
use suq::wire::MAX_DOCUMENTS;

use super::super::EPOCH;
use super::super::site::Site;
use super::{Broken, Invariants};

/// Waiting documents of gossip, callers and sync, entries that are judged again,
/// those whose time has come, and the verifications under way.
const ADMITTING: usize = 1024 + 256 + 8 * 64 + 64 + 256 + 32;
const HELD: usize = 256;
const SESSIONS: usize = 8;
const NEEDED: usize = SESSIONS * 200_000;
const REFUSALS: usize = 100_000;
const PEERS: usize = 1024 + 256;

/// Judged documents that wait for the disk, and their like.
const WRITES: usize = 1024 + 128;

/// Questions of one peer that wait for the store.
const QUESTIONS_OF_A_PEER: usize = 8;

/// Documents of one peer that are not verified and cost a verification: a peer is
/// sent away after some faults, when a full line of its documents may still wait.
const REJECTED_OF_A_PEER: u64 = 20 + 256 + 32 + 64;

/// A peer that was sent away is not let in again for this long.
const BANISHMENT_S: u64 = 600;

impl Invariants {
    /// After every input of a site.
    pub fn bounded(&self, site: &Site) -> Result<(), Broken> {
        let Some(engine) = site.engine().filter(|_| !site.byzantine) else { return Ok(()) };
        let Pending { admitting, held, writes, sessions, needed, questions, refusals, peers } =
            engine.pending();
        let bounds = [
            ("documents on their way", admitting, ADMITTING),
            ("documents dated ahead", held, HELD),
            ("writes", writes, WRITES),
            ("reconciliations", sessions, SESSIONS),
            ("ids to ask for", needed, NEEDED),
            ("questions", questions, QUESTIONS_OF_A_PEER * peers.max(1)),
            ("refusals", refusals, REFUSALS),
            ("peers", peers, PEERS),
        ];
        for (what, number, bound) in bounds {
            if number > bound {
                return Err((6, format!("site {} holds {number} {what}", site.number)));
            }
        }
        Ok(())
    }

    /// After an answer of a peer: it brings no more documents than one may ask for.
    pub fn answered(&self, site: &Site, before: Pending) -> Result<(), Broken> {
        let Some(engine) = site.engine().filter(|_| !site.byzantine) else { return Ok(()) };
        let more = engine.pending().admitting.saturating_sub(before.admitting + before.held);
        if more <= MAX_DOCUMENTS {
            return Ok(());
        }
        Err((6, format!("site {} took {more} documents of one answer", site.number)))
    }

    /// A site rejected gossip: how much of it one peer may send.
    pub fn rejected(&mut self, site: &Site, from: Peer, now: Timestamp) -> Result<(), Broken> {
        if site.byzantine {
            return Ok(());
        }
        let count = self.rejected.entry((site.number, from)).or_default();
        *count += 1;
        let visits = 1 + now.since(EPOCH).as_secs() / BANISHMENT_S;
        if *count > REJECTED_OF_A_PEER * visits {
            let what = format!("site {} looked at {count} forgeries of one peer", site.number);
            return Err((6, what));
        }
        Ok(())
    }

    /// A site breaks with a peer: only with one that lies.
    pub fn broke_with(&self, site: &Site, other: usize, hostile: bool) -> Result<(), Broken> {
        let right = site.byzantine || hostile;
        let what = || format!("site {} sent the honest site {other} away", site.number);
        if right { Ok(()) } else { Err((3, what())) }
    }
}
