//! Every tree with its layout. Numbers are big-endian, so that keys sort.
//!
//! | tree | key | value |
//! |---|---|---|
//! | `document:1` | created (8), content id (32) | an entry's document, byte for byte |
//! | `entry:3` | content id (32) | `EntryRecord`, CBOR: what this site says of it |
//! | `refusal:1` | content id (32) | `RefusalRecord`, CBOR |
//! | `by-image:1` | SHA-1 (20), email, 0, then a key of `document:1` | nothing |
//! | `change:1` | number of the change (8) | content id (32) of the entry that is new or has a new fate |
//! | `peer:1` | Ed25519 key (32) | list of addresses, CBOR |
//! | `member:1` | member's key (32), issuer's key (32) | `Membership`, CBOR |
//! | `meta:1` | name | see [`meta`] |
//!
//! `created` is in milliseconds with its sign bit turned, so that it sorts. Documents
//! stand in that order because sync brings them in it: then a page that is written has
//! just been in use, which halves the work of a site that joins. They never change, and
//! are apart from the records, which change with every policy.

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
    pub(super) document: sled::Tree,
    pub(super) entry: sled::Tree,
    pub(super) refusal: sled::Tree,
    pub(super) by_image: sled::Tree,
    pub(super) change: sled::Tree,
    pub(super) peer: sled::Tree,
    pub(super) member: sled::Tree,
    pub(super) meta: sled::Tree,
}

/// The name of every tree, with the version of its layout.
const NAMES: [&str; 8] = [
    "document:1",
    "entry:3",
    "refusal:1",
    "by-image:1",
    "change:1",
    "peer:1",
    "member:1",
    "meta:1",
];

impl Trees {
    pub(super) fn open(db: &sled::Db) -> sled::Result<Trees> {
        let [document, entry, refusal, by_image, change, peer, member, meta] = NAMES;
        Ok(Trees {
            document: db.open_tree(document)?,
            entry: db.open_tree(entry)?,
            refusal: db.open_tree(refusal)?,
            by_image: db.open_tree(by_image)?,
            change: db.open_tree(change)?,
            peer: db.open_tree(peer)?,
            member: db.open_tree(member)?,
            meta: db.open_tree(meta)?,
        })
    }
}

/// A tree that this version of suq does not know.
pub(super) fn unknown(db: &sled::Db) -> Option<String> {
    // sled's own first tree is there always, and empty.
    let known = |name: &str| NAMES.contains(&name) || name == "__sled__default";
    let names = db.tree_names().into_iter();
    names.map(|name| String::from_utf8_lossy(&name).into_owned()).find(|name| !known(name))
}
