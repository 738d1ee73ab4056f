//! CBOR ↔ values: every message that leaves a node, and every record it keeps.
//!
//! `proto/suq.cddl` is the normative description. A message is a map with its
//! version in `v` and its content in `body`; unknown fields are skipped,
//! unknown versions are an error the sender is told about.

mod blob;
mod bundle;
mod cbor;
mod door;
mod gossip;
mod record;
mod sync;
mod ticket;

pub use blob::{
    BlobAsk, BlobReply, BlobRequest, ByteRange, MAX_BLOB_HEADER_BYTES, MAX_RANGES, PIECE_BYTES,
    PieceDigests,
};
pub use bundle::{
    BUNDLE_DATA_BYTES, BadBundle, BundleFrame, begin_bundle, open_bundle, read_frame, write_frame,
};
pub use cbor::{DecodeError, VERSION, decode, encode};
pub use door::{DoorAnswer, Knock, MAX_DOOR_BYTES};
pub use gossip::{Gossip, GossipVerdict};
pub use record::{EntryRecord, Fate, RefusalRecord};
pub use sync::{
    BlobName, Document, ErrorCode, Holding, MAX_DOCUMENTS, MAX_HOLDINGS, MAX_LISTED,
    MAX_RECONCILE_FRAME_BYTES, Position, Request, Response,
};
pub use ticket::{BadTicket, MAX_FOUNDERS, MAX_TICKET_ADDRESSES, Ticket};

/// Largest manifest accepted, in bytes. Real ones are 3 to 10 kB; this leaves
/// room for long extensions and stays below sled's comfortable value size.
pub const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

/// Room for the envelope around a document, in bytes.
pub const ENVELOPE_BYTES: usize = 1024;

/// Largest gossip message, in bytes: one document and its envelope.
pub const MAX_GOSSIP_BYTES: usize = MAX_DOCUMENT_BYTES + ENVELOPE_BYTES;

/// Largest answer to one request, in bytes: a batch of documents stops at this.
pub const MAX_RESPONSE_BYTES: usize = 4 * MAX_DOCUMENT_BYTES + ENVELOPE_BYTES;

/// Largest request, in bytes: a reconciliation frame and its envelope.
pub const MAX_REQUEST_BYTES: usize = MAX_RECONCILE_FRAME_BYTES + ENVELOPE_BYTES;
