//! How much differs: what the frames of a reconciliation tell before it is done.
//!
//! Reconciliation by ranges costs about a kilobyte for each difference that stands
//! alone, a list 32 bytes for each entry. So a list is cheaper as soon as one entry
//! in thirty differs, and the frames show that long before the bytes are spent.

use negentropy::{Bound, FINGERPRINT_SIZE, ID_SIZE, Id, Item, NegentropyStorageBase};

use super::snapshot::Snapshot;
use crate::model::ContentId;
use crate::wire::Position;

/// The part of the entries above which a list is cheaper.
const LIST_SHARE: f64 = 1.0 / 30.0;

/// Ranges and listed ids that an estimate takes at least: fewer tell little, and
/// then reconciliation costs little too.
const MIN_SAMPLE: usize = 64;

/// Entries of the largest range whose fingerprint counts: nearly all larger ones
/// differ already when one entry in a hundred does.
const MAX_SMALL: usize = 512;

/// True when so much differs that the peer's list is cheaper than going on. `frame`
/// is the peer's, `new` of its ids are missing here, and `found` differ in all.
pub(super) fn is_dense(snapshot: &Snapshot, frame: &[u8], new: usize, found: usize) -> bool {
    let mut sample = Sample::default();
    let mut lower = 0;
    for (end, content) in Ranges::of(frame) {
        let upper = snapshot.find_lower_bound(lower, snapshot.len(), &end);
        sample.add(snapshot, lower, upper, &content);
        lower = upper;
    }
    sample.is_dense(new, found)
}

/// Where the first range of our own frame begins that is not settled.
pub(super) fn first_unsettled(frame: &[u8]) -> Position {
    let mut lower = Bound::default();
    for (end, content) in Ranges::of(frame) {
        if !matches!(content, Content::Equal) {
            break;
        }
        lower = end;
    }
    let id = ContentId::from_bytes(lower.item.id.to_bytes());
    Position { seconds: lower.item.timestamp, id }
}

#[derive(Default)]
struct Sample {
    /// Small ranges, those that differ, and the entries in and between them.
    small: usize,
    unequal: usize,
    compared: usize,
    /// Ids that the frame lists, and the entries in and between their ranges.
    listed: usize,
    beside_listed: usize,
    /// Entries of equal ranges since the last one that was not.
    equal: Option<usize>,
}

impl Sample {
    fn add(&mut self, snapshot: &Snapshot, lower: usize, upper: usize, content: &Content<'_>) {
        let entries = upper - lower;
        if let Content::Equal = content {
            self.equal = self.equal.map(|equal| equal + entries);
            return;
        }
        let between = self.equal.replace(0).unwrap_or(0);
        match content {
            Content::Fingerprint(theirs) if (1..=MAX_SMALL).contains(&entries) => {
                let ours = snapshot.fingerprint(lower, upper).map(|ours| ours.to_bytes());
                self.small += 1;
                self.unequal += usize::from(ours.as_ref().map(<[u8; _]>::as_slice) != Ok(*theirs));
                self.compared += entries + between;
            }
            Content::Ids(count) => {
                self.listed += count;
                self.beside_listed += entries + between;
            }
            Content::Fingerprint(_) | Content::Equal => {}
        }
    }

    fn is_dense(&self, new: usize, found: usize) -> bool {
        let mut entries = self.compared;
        // When n ranges of equal size hold d differences, a part of e^(-d/n) holds none.
        let (small, unequal) = (self.small as f64, self.unequal as f64);
        let mut differing =
            if self.small > 0 { -small * (1.0 - unequal / (small + 0.5)).ln() } else { 0.0 };
        let mut sample = self.small;
        // A list that is mostly news costs no more than what it brings.
        if new * 2 < self.listed {
            entries += self.beside_listed;
            differing += found as f64;
            sample += self.listed;
        }
        sample >= MIN_SAMPLE && differing > LIST_SHARE * entries as f64
    }
}

/// What a frame says of a range.
enum Content<'f> {
    Equal,
    Fingerprint(&'f [u8]),
    Ids(usize),
}

/// The ranges of a frame (negentropy's protocol version 1), each with its upper
/// bound. Ends where the frame is malformed: negentropy itself refuses it.
struct Ranges<'f> {
    rest: &'f [u8],
    seconds: u64,
}

impl<'f> Ranges<'f> {
    fn of(frame: &'f [u8]) -> Ranges<'f> {
        Ranges { rest: frame.get(1..).unwrap_or_default(), seconds: 0 }
    }

    fn number(&mut self) -> Option<u64> {
        let mut number: u64 = 0;
        loop {
            let (octet, rest) = self.rest.split_first()?;
            self.rest = rest;
            number = (number << 7) | u64::from(octet & 0x7f);
            if octet & 0x80 == 0 {
                return Some(number);
            }
        }
    }

    fn octets(&mut self, count: usize) -> Option<&'f [u8]> {
        let (octets, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(octets)
    }

    fn bound(&mut self) -> Option<Bound> {
        // Each bound is given as its distance to the one before; 0 is the end.
        let distance = self.number()?.checked_sub(1).unwrap_or(u64::MAX);
        self.seconds = self.seconds.saturating_add(distance);
        let length = usize::try_from(self.number()?).ok().filter(|length| *length <= ID_SIZE)?;
        let mut id = [0; ID_SIZE];
        id[..length].copy_from_slice(self.octets(length)?);
        let item = Item::with_timestamp_and_id(self.seconds, Id::from_byte_array(id));
        Some(Bound { item, id_len: length })
    }
}

impl<'f> Iterator for Ranges<'f> {
    type Item = (Bound, Content<'f>);

    fn next(&mut self) -> Option<(Bound, Content<'f>)> {
        let bound = self.bound()?;
        let content = match self.number()? {
            0 => Content::Equal,
            1 => Content::Fingerprint(self.octets(FINGERPRINT_SIZE)?),
            2 => {
                let count = usize::try_from(self.number()?).ok()?;
                self.octets(count.checked_mul(ID_SIZE)?)?;
                Content::Ids(count)
            }
            _ => return None,
        };
        Some((bound, content))
    }
}
