//! Every tree with its layout. Numbers are big-endian, so that keys sort.
//!
//! | tree | key | value |
//! |---|---|---|
//! | `entry:1` | content id (32) | `EntryRecord`, CBOR: the truth |
//! | `refusal:1` | content id (32) | `RefusalRecord`, CBOR |
//! | `by-image:1` | SHA-1 (20), email, 0, created (8), content id (32) | nothing |
//! | `known:1` | created (8), content id (32) | kind (1), SHA-1 (20), email |
//! | `peer:1` | Ed25519 key (32) | list of addresses, CBOR |
//! | `member:1` | member's key (32), issuer's key (32) | `Membership`, CBOR |
//! | `meta:1` | name | see [`meta`] |
//!
//! `created` is in milliseconds with its sign bit turned, so that it sorts.

/// Keys of the tree `meta:1`.
pub(super) mod meta {
    /// The rules under which every entry was last judged: SHA-256 (32).
    pub(in crate::store) const RULES: &[u8] = b"rules";
    /// What is being written: the number of the write (8), the documents (32 each).
    pub(in crate::store) const UNDER_WAY: &[u8] = b"under-way";
    /// The last durable write, counted: u64 (8).
    pub(in crate::store) const GENERATION: &[u8] = b"generation";
}

#[derive(Debug, Clone)]
pub(super) struct Trees {
    pub(super) entry: sled::Tree,
    pub(super) refusal: sled::Tree,
    pub(super) by_image: sled::Tree,
    pub(super) known: sled::Tree,
    pub(super) peer: sled::Tree,
    pub(super) member: sled::Tree,
    pub(super) meta: sled::Tree,
}

impl Trees {
    pub(super) fn open(db: &sled::Db) -> sled::Result<Trees> {
        Ok(Trees {
            entry: db.open_tree("entry:1")?,
            refusal: db.open_tree("refusal:1")?,
            by_image: db.open_tree("by-image:1")?,
            known: db.open_tree("known:1")?,
            peer: db.open_tree("peer:1")?,
            member: db.open_tree("member:1")?,
            meta: db.open_tree("meta:1")?,
        })
    }
}
