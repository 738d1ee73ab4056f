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
    octets.extend_from_slice(&sortable(key.created));
    octets.extend_from_slice(id.as_bytes());
    octets
}

/// What every key of an image in `by-image:1` begins with.
pub(super) fn image_prefix(identifier: &Identifier) -> Vec<u8> {
    identifier.sha1().as_bytes().to_vec()
}

/// The content id at the end of a key of `by-image:1`.
pub(super) fn id_of_image_row(octets: &[u8]) -> Option<ContentId> {
    id(octets.last_chunk::<32>()?)
}

/// The content id in these octets.
pub(super) fn id(octets: &[u8]) -> Option<ContentId> {
    octets.try_into().ok().map(ContentId::from_bytes)
}

/// The key in `known:1`.
pub(super) fn known_key(created: Timestamp, id: ContentId) -> Vec<u8> {
    [&sortable(created)[..], id.as_bytes()].concat()
}

/// The value in `known:1`.
pub(super) fn known_value(kind: Kind, key: &EntryKey) -> Vec<u8> {
    let kind = KINDS.iter().find(|(known, _)| *known == kind).map_or(0, |(_, octet)| *octet);
    let mut octets = vec![kind];
    octets.extend_from_slice(key.identifier.sha1().as_bytes());
    octets.extend_from_slice(key.email.as_str().as_bytes());
    octets
}

/// A row of `known:1`; none when it is malformed.
pub(super) fn known(row_key: &[u8], value: &[u8]) -> Option<(ContentId, EntryKey, Kind)> {
    let (created, id_octets) = row_key.split_first_chunk::<8>()?;
    let (kind, value) = value.split_first()?;
    let (sha1, email) = value.split_first_chunk::<20>()?;
    let (kind, _) = KINDS.iter().find(|(_, octet)| octet == kind)?;
    let email: Email = std::str::from_utf8(email).ok()?.parse().ok()?;
    let key = EntryKey {
        identifier: Identifier::from_sha1(Sha1::from_bytes(*sha1)),
        email,
        created: unsorted(*created),
    };
    Some((id(id_octets)?, key, *kind))
}

/// The value of `under-way` in `meta:1`.
pub(super) fn under_way(generation: u64, ids: impl Iterator<Item = ContentId>) -> Vec<u8> {
    let mut octets = generation.to_be_bytes().to_vec();
    ids.for_each(|id| octets.extend_from_slice(id.as_bytes()));
    octets
}

/// The number of the write and its documents.
pub(super) fn read_under_way(octets: &[u8]) -> (&[u8], impl Iterator<Item = ContentId>) {
    let (generation, ids) = octets.split_at(octets.len().min(8));
    (generation, ids.chunks_exact(32).filter_map(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_sort_by_time_also_before_1970() {
        let id = ContentId::from_bytes([0; 32]);
        let row = |seconds| known_key(Timestamp::from_seconds(seconds), id);
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
        let row = (known_key(key.created, id), known_value(Kind::Withdrawn, &key));
        assert_eq!(known(&row.0, &row.1), Some((id, key, Kind::Withdrawn)));
        assert_eq!(known(&row.0, &row.1[..10]), None);
    }
}
