//! Keys and values as octets.

use crate::model::{ContentId, Email, EntryKey, Identifier, Sha1, Timestamp};

/// What the index of known documents says of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An admitted entry.
    Admitted,
    /// A withdrawn entry.
    Withdrawn,
    /// A refusal by policy.
    Refused,
    /// A refusal for want of trust.
    Untrusted,
}

const KINDS: [(Kind, u8); 4] =
    [(Kind::Admitted, 0), (Kind::Withdrawn, 1), (Kind::Refused, 2), (Kind::Untrusted, 3)];

fn sortable(time: Timestamp) -> [u8; 8] {
    (time.millis() as u64 ^ (1 << 63)).to_be_bytes()
}

fn unsorted(octets: [u8; 8]) -> Timestamp {
    Timestamp::from_millis((u64::from_be_bytes(octets) ^ (1 << 63)) as i64)
}

/// The key in `by-image:1`.
pub(super) fn by_image(key: &EntryKey, id: ContentId) -> Vec<u8> {
    let mut octets = image_prefix(&key.identifier);
    octets.extend_from_slice(key.email.as_str().as_bytes());
    octets.push(0);
    octets.extend_from_slice(&entry(key.created, id));
    octets
}

/// What every key of an image in `by-image:1` begins with.
pub(super) fn image_prefix(identifier: &Identifier) -> Vec<u8> {
    identifier.sha1().as_bytes().to_vec()
}

/// The key of `entry:2` at the end of a key of `by-image:1`.
pub(super) fn entry_of_image_row(octets: &[u8]) -> Option<&EntryRow> {
    octets.last_chunk()
}

/// A key in `entry:2`: the date, the content id.
pub(super) type EntryRow = [u8; 40];

/// The key in `entry:2`.
pub(super) fn entry(created: Timestamp, id: ContentId) -> EntryRow {
    let mut octets = [0; 40];
    octets[..8].copy_from_slice(&sortable(created));
    octets[8..].copy_from_slice(id.as_bytes());
    octets
}

/// The content id in a key of `entry:2`.
pub(super) fn id_of_entry(octets: &[u8]) -> Option<ContentId> {
    id(octets.get(8..)?)
}

/// The content id in these octets.
pub(super) fn id(octets: &[u8]) -> Option<ContentId> {
    octets.try_into().ok().map(ContentId::from_bytes)
}

/// The value in `known:2`.
pub(super) fn known_value(kind: Kind, key: &EntryKey) -> Vec<u8> {
    let kind = KINDS.iter().find(|(known, _)| *known == kind).map_or(0, |(_, octet)| *octet);
    let mut octets = vec![kind];
    octets.extend_from_slice(&sortable(key.created));
    octets.extend_from_slice(key.identifier.sha1().as_bytes());
    octets.extend_from_slice(key.email.as_str().as_bytes());
    octets
}

/// A row of `known:2`; none when it is malformed.
pub(super) fn known(row_key: &[u8], value: &[u8]) -> Option<(ContentId, EntryKey, Kind)> {
    let (kind, value) = value.split_first()?;
    let (created, value) = value.split_first_chunk::<8>()?;
    let (sha1, email) = value.split_first_chunk::<20>()?;
    let (kind, _) = KINDS.iter().find(|(_, octet)| octet == kind)?;
    let email: Email = std::str::from_utf8(email).ok()?.parse().ok()?;
    let key = EntryKey {
        identifier: Identifier::from_sha1(Sha1::from_bytes(*sha1)),
        email,
        created: unsorted(*created),
    };
    Some((id(row_key)?, key, *kind))
}

/// The value of `under-way` in `meta:1`.
pub(super) fn under_way(generation: u64, entries: impl Iterator<Item = EntryRow>) -> Vec<u8> {
    let mut octets = generation.to_be_bytes().to_vec();
    octets.extend(entries.flatten());
    octets
}

/// The number of the write and the keys in `entry:2` of its documents.
pub(super) fn read_under_way(octets: &[u8]) -> (&[u8], impl Iterator<Item = &EntryRow>) {
    let (generation, entries) = octets.split_at(octets.len().min(8));
    (generation, entries.as_chunks().0.iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_sort_by_time_also_before_1970() {
        let id = ContentId::from_bytes([0; 32]);
        let row = |seconds| entry(Timestamp::from_seconds(seconds), id);
        assert!(row(-5) < row(-1) && row(-1) < row(0) && row(0) < row(1) && row(1) < row(300));
    }

    #[test]
    fn a_known_row_survives_the_round_trip() {
        let key = EntryKey {
            identifier: Identifier::from_sha1(Sha1::from_bytes([9; 20])),
            email: "a@b.org".parse().unwrap(),
            created: Timestamp::from_seconds(1_700_000_000),
        };
        let id = ContentId::from_bytes([7; 32]);
        let row = (id.as_bytes(), known_value(Kind::Withdrawn, &key));
        assert_eq!(known(row.0, &row.1), Some((id, key, Kind::Withdrawn)));
        assert_eq!(known(row.0, &row.1[..10]), None);
    }
}
