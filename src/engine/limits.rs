//! Every bound of the engine, with its reason.

use std::time::Duration;

/// Verifications under way at once: a portion for each of sixteen cores; the rest waits.
pub(super) const MAX_VERIFYING: usize = 256;

/// Documents waiting for verification that gossip and callers sent. More than
/// this is refused for now; sync brings it again. At 5 kB each: 5 MB.
pub(super) const MAX_WAITING: usize = 1024;

/// Of them, those that one peer's gossip brought.
pub(super) const MAX_WAITING_PER_PEER: usize = 256;

/// Of them, places that gossip leaves to this site's own callers.
pub(super) const RESERVED_FOR_CALLS: usize = 64;

/// One gossiped document of a peer uses up this much time ...
pub(super) const GOSSIP_COST: Duration = Duration::from_millis(50);

/// ... of which it may be this far ahead: a thousand documents at once, then twenty
/// a second. A site that publishes more is heard of by sync.
pub(super) const GOSSIP_AHEAD: Duration = Duration::from_secs(50);

/// One gossiped document whose signer is not trusted here uses up as much as twenty:
/// certificates are free to make.
pub(super) const UNTRUSTED_COST: Duration = Duration::from_secs(1);

/// Waiting documents that gossip and callers sent, in bytes: thousands as they really
/// are, and 256 of the largest.
pub(super) const MAX_WAITING_BYTES: usize = 64 * 1024 * 1024;

/// When gossip had to be passed over, the next reconciliation comes this soon.
pub(super) const HASTENED_SYNC: Duration = Duration::from_secs(10);

/// One document that is passed on uses up this much of its endorser's time ...
pub(super) const RELAY_COST: Duration = Duration::from_secs(1);

/// ... of which it may be this far ahead: a thousand documents at once, then one a
/// second. Sync brings the others.
pub(super) const RELAY_AHEAD: Duration = Duration::from_secs(1000);

/// Endorsers whose rate is watched. No more are passed on at one time.
pub(super) const MAX_WATCHED_ENDORSERS: usize = 4096;

/// What questions use up of a peer's time: a frame costs up to some ten milliseconds of
/// a processor with a million entries, ...
pub(super) const RECONCILE_COST: Duration = Duration::from_millis(50);

/// ... a page of a list a megabyte, ...
pub(super) const LIST_COST: Duration = Duration::from_millis(50);

/// ... each document a read and 5 kB, ...
pub(super) const SERVE_COST: Duration = Duration::from_micros(150);

/// ... a look into the blob folder, ...
pub(super) const HOLDINGS_COST: Duration = Duration::from_millis(5);

/// ... a roll up to 600 kB ...
pub(super) const MEMBERS_COST: Duration = Duration::from_millis(50);

/// ... of which a peer may be this far ahead: 800 000 documents at once, then 6 600 (some
/// 33 MB) a second, or twenty frames.
pub(super) const ASKING_AHEAD: Duration = Duration::from_secs(120);

/// Sync stops asking for documents while this many of its own wait.
pub(super) const MAX_SYNC_WAITING: usize = 256;

/// Documents whose octets are remembered with what verifying them gave: at 150 bytes
/// each 5 MB. Longer than gossip's own memory of a busy quarter of an hour.
pub(super) const MAX_JUDGED: usize = 32_768;

/// Judged documents whose records are being written, above which sync asks for no more:
/// one batch on its way to the disk and one that gathers.
pub(super) const MAX_SETTLING: usize = 2048;

/// How far ahead of this node's clock an endorsement may be dated.
pub(super) const CLOCK_TOLERANCE: Duration = Duration::from_secs(10 * 60);

/// Documents dated further ahead that are held until their time.
pub(super) const MAX_HELD: usize = 256;

/// Refusals kept: what spares a site the same document in every sync. At 200
/// bytes each: 20 MB.
pub(super) const MAX_REFUSALS: usize = 100_000;

/// Peers reconciled with at once.
pub(super) const MAX_SESSIONS: usize = 8;

/// Rounds of one reconciliation: 16-way splitting of a million entries needs
/// five, frames cut at their limit some more.
pub(super) const MAX_ROUNDS: u32 = 256;

/// Ids that one reconciliation may bring. The rest comes with the next one.
pub(super) const MAX_NEEDED: usize = 200_000;

/// Pages of one list: with full pages eight million entries.
pub(super) const MAX_PAGES: u32 = 256;

/// Bytes of reconciliation that bring nothing, before the peer's list is asked for
/// instead. In a larger catalogue: what its list would cost.
pub(super) const MIN_WASTE: u64 = 1024 * 1024;

/// Requests for documents under way in one session: the next ones travel while
/// those that came are verified.
pub(super) const MAX_BATCHES: usize = 3;

/// The longest wait for one answer; the network gives up before.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(60);

/// The longest session. What is left goes to the next one, when others had a turn.
pub(super) const SESSION_TIME: Duration = Duration::from_secs(10 * 60);

/// Peers whose session ended under way and can go on: at 32 bytes for each id
/// some 50 MB at worst.
pub(super) const MAX_LEFT: usize = 8;

/// Peers whose last reconciliation is remembered.
pub(super) const MAX_REMEMBERED: usize = 1024;

/// Changes that one report names; it counts all.
pub(super) const MAX_CHANGES: usize = 100;

/// Documents that one reconciliation may bring and still be passed on as news.
pub(super) const MAX_NEWS: u64 = 256;

/// Time between reconciliations with a random peer.
pub(super) const SYNC_INTERVAL: Duration = Duration::from_secs(3 * 60);

/// After a reconciliation that failed, the next one comes this soon at the latest.
pub(super) const SYNC_RETRY: Duration = Duration::from_secs(30);

/// Questions of one peer that wait for the store.
pub(super) const MAX_QUESTIONS_PER_PEER: usize = 8;

/// Peers whose addresses are remembered.
pub(super) const MAX_PEERS: usize = 1024;

/// Peers that others spoke of and that were never met. Of those, the latest.
pub(super) const MAX_RUMOURED: usize = 256;

/// Addresses of one peer that others spoke of.
pub(super) const MAX_HEARSAY: usize = 4;

/// While fewer peers are connected, others are dialled. Gossip needs a dozen; a
/// thousand sites need not all be connected to each other.
pub(super) const WANTED_PEERS: usize = 32;

/// Addresses remembered for one peer.
pub(super) const MAX_ADDRESSES: usize = 16;

/// First wait before dialling a peer again; doubles with each failure.
pub(super) const MIN_REDIAL: Duration = Duration::from_secs(1);

/// Longest wait before dialling a peer again.
pub(super) const MAX_REDIAL: Duration = Duration::from_secs(5 * 60);

/// A connection that lasts this long was a success; a shorter one counts as a dial that
/// failed, so that a peer that sends this node away is not dialled every second.
pub(super) const STEADY: Duration = Duration::from_secs(60);

/// Points a peer may lose before it is disconnected.
pub(super) const MAX_FAULTS: u32 = 20;

/// A peer is forgiven one fault in this time.
pub(super) const FAULT_DECAY: Duration = Duration::from_secs(30);

/// A disconnected peer is not dialled again for this long.
pub(super) const BANISHMENT: Duration = Duration::from_secs(10 * 60);

/// Peers asked whether they hold a blob.
pub(super) const MAX_ASKED_FOR_BLOB: usize = 32;

/// How long a blob that nobody can send any more is waited for: a site that restarts, a
/// line that broke.
pub(super) const FETCH_PATIENCE: Duration = Duration::from_secs(10);

/// Blobs that are asked about at once before some are given up: sixteen questions to
/// each peer.
pub(super) const MAX_SURVEYED: usize = 1024;

/// Calls at once that ask who holds some blobs.
pub(super) const MAX_SURVEYS: usize = 4;

/// Blobs fetched at once.
pub(super) const MAX_FETCHES: usize = 16;

/// Images of the mirror rules that wait to be fetched. When these are here, it is looked
/// for more.
pub const MAX_MIRROR_WAITING: usize = 10_000;

/// First wait before an image of the mirror rules is tried again; doubles with each failure.
pub(super) const MIN_MIRROR_DELAY: Duration = Duration::from_secs(60);

/// Longest wait before an image of the mirror rules is tried again, but for its spread.
pub(super) const MAX_MIRROR_DELAY: Duration = Duration::from_secs(3600);

/// Entries judged again at once after the rules changed.
pub(super) const REJUDGE_BATCH: usize = 64;

/// When the store did not take what a change of rules decided, it is tried again
/// after this long.
pub(super) const REJUDGE_RETRY: Duration = Duration::from_secs(60);

/// Writes under way before no more documents are verified: a disk that hangs must
/// not fill the memory. What sync may have on its way to the disk, and one portion.
pub(super) const MAX_WRITING: usize = MAX_SETTLING + MAX_VERIFYING;

/// A reconciliation that brought nothing new for this long gives its place to
/// another: peers that never come to an end must not take all places.
pub(super) const SESSION_PATIENCE: Duration = Duration::from_secs(2 * 60);
