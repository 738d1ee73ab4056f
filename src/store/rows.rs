//! Keys and values as octets.

use crate::model::{ContentId, EntryKey, Identifier, Timestamp};

fn sortable(time: Timestamp) -> [u8; 8] {
    (time.millis() as u64 ^ (1 << 63)).to_be_bytes()
}

/// The key in `by-image:1`.
pub(super) fn by_image(key: &EntryKey, id: ContentId) -> Vec<u8> {
    let mut octets = image_prefix(&key.identifier);
    octets.extend_from_slice(key.email.as_str().as_bytes());
    octets.push(0);
    octets.extend_from_slice(&document(key.created, id));
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
    fn rows_sort_by_time_also_before_1970() {
        let id = ContentId::from_bytes([0; 32]);
        let row = |seconds| document(Timestamp::from_seconds(seconds), id);
        assert!(row(-5) < row(-1) && row(-1) < row(0) && row(0) < row(1) && row(1) < row(300));
    }
}
