//! Keys and values as octets.

use crate::model::{ContentId, Email, EntryKey, Identifier, Sha1, Timestamp};

fn sortable(time: Timestamp) -> [u8; 8] {
    (time.millis() as u64 ^ (1 << 63)).to_be_bytes()
}

fn from_sortable(octets: [u8; 8]) -> Timestamp {
    Timestamp::from_millis((u64::from_be_bytes(octets) ^ (1 << 63)) as i64)
}

/// The key in `by-image:1`.
pub(super) fn by_image(key: &EntryKey, id: ContentId) -> Vec<u8> {
    let mut octets = entry_prefix(key);
    octets.extend_from_slice(id.as_bytes());
    octets
}

/// What every key of an endorser's entries of an image in `by-image:1` begins with.
pub(super) fn endorser_prefix(identifier: &Identifier, email: &Email) -> Vec<u8> {
    let mut octets = image_prefix(identifier);
    octets.extend_from_slice(email.as_str().as_bytes());
    octets.push(0);
    octets
}

/// What every key of documents with the same key in `by-image:1` begins with.
pub(super) fn entry_prefix(key: &EntryKey) -> Vec<u8> {
    let mut octets = endorser_prefix(&key.identifier, &key.email);
    octets.extend_from_slice(&sortable(key.created));
    octets
}

/// What a key of `by-image:1` says.
pub(super) fn read_image_row(octets: &[u8]) -> Option<(EntryKey, ContentId)> {
    let (sha1, rest) = octets.split_first_chunk::<20>()?;
    let (rest, id) = rest.split_last_chunk::<32>()?;
    let (rest, created) = rest.split_last_chunk::<8>()?;
    let (0, email) = rest.split_last()? else { return None };
    let key = EntryKey {
        identifier: Identifier::from_sha1(Sha1::from_bytes(*sha1)),
        email: std::str::from_utf8(email).ok()?.parse().ok()?,
        created: from_sortable(*created),
    };
    Some((key, ContentId::from_bytes(*id)))
}

/// What every key of an image in `by-image:1` begins with.
pub(super) fn image_prefix(identifier: &Identifier) -> Vec<u8> {
    identifier.sha1().as_bytes().to_vec()
}

/// The content id at the end of a key of `by-image:1`.
pub(super) fn id_of_image_row(octets: &[u8]) -> Option<ContentId> {
    id(octets.last_chunk::<32>()?)
}

/// A key in `document:1`: the date, the content id.
pub(super) type DocumentRow = [u8; 40];

/// The key in `document:1`.
pub(super) fn document(created: Timestamp, id: ContentId) -> DocumentRow {
    let mut octets = [0; 40];
    octets[..8].copy_from_slice(&sortable(created));
    octets[8..].copy_from_slice(id.as_bytes());
    octets
}

/// The content id in a key of `document:1`.
pub(super) fn id_of_document(octets: &[u8]) -> Option<ContentId> {
    id(octets.get(8..)?)
}

/// The content id in these octets.
pub(super) fn id(octets: &[u8]) -> Option<ContentId> {
    octets.try_into().ok().map(ContentId::from_bytes)
}

/// The value of `under-way` in `meta:1`.
pub(super) fn under_way(generation: u64, documents: impl Iterator<Item = DocumentRow>) -> Vec<u8> {
    let mut octets = generation.to_be_bytes().to_vec();
    octets.extend(documents.flatten());
    octets
}

/// The number of the write and the keys in `document:1` of its documents.
pub(super) fn read_under_way(octets: &[u8]) -> (&[u8], impl Iterator<Item = &DocumentRow>) {
    let (generation, documents) = octets.split_at(octets.len().min(8));
    (generation, documents.as_chunks().0.iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_an_image_says_its_key() {
        let key = EntryKey {
            identifier: Identifier::from_sha1(Sha1::from_bytes([7; 20])),
            email: "a@b".parse().unwrap(),
            created: Timestamp::from_seconds(-5),
        };
        let id = ContentId::from_bytes([9; 32]);
        let row = by_image(&key, id);
        assert_eq!(read_image_row(&row), Some((key, id)));
        for end in 0..row.len() {
            assert!(read_image_row(&row[..end]).is_none_or(|(_, other)| other != id));
        }
    }

    #[test]
    fn rows_sort_by_time_also_before_1970() {
        let id = ContentId::from_bytes([0; 32]);
        let row = |seconds| document(Timestamp::from_seconds(seconds), id);
        assert!(row(-5) < row(-1) && row(-1) < row(0) && row(0) < row(1) && row(1) < row(300));
    }
}
