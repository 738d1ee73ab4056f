//! Fetching images from URLs: the only place that asks by HTTP and knows compression.
//!
//! A URL in a manifest was written by a stranger. Whatever it says, and wherever
//! it redirects to, this module asks http and https servers only, connects only to
//! an address that it has checked, reads no more than the image has, waits for
//! nothing without a limit, and keeps a bounded number of bytes in memory.
//!
//! [`Client::open`] asks once and finds out what is there: the image as it is, or
//! compressed, with ranges or without. [`Source::read`] and [`Source::read_all`]
//! bring its bytes and notice when the file becomes another. Nothing here checks
//! what the bytes are: that is for who knows the checksums.
//!
//! [`Client::get`] and [`Client::post`] talk to a Marketplace, whose address
//! ([`Endpoint`]) a person has typed; [`UnpackedFile`] is a compressed file of this
//! machine.
//!
//! Architecture invariant: an address is checked after the name was resolved, and
//! that same address is connected to. A connection is kept for its own host only.

mod answer;
mod body;
mod client;
mod connect;
mod endpoint;
mod error;
mod exchange;
mod guard;
mod pattern;
mod settings;
mod source;
mod stream;
mod tls;
mod unpack;
mod unpack_file;

pub use body::Body;
pub use client::Client;
pub use connect::Lookup;
pub use endpoint::{BadEndpoint, Endpoint};
pub use error::{Reason, SettingsError, SourceError};
pub use exchange::Reply;
pub use pattern::Pattern;
pub use settings::{
    ANSWER_SECONDS, BUSY_SECONDS, CONNECT_SECONDS, IDLE_SECONDS, Identity, Limits,
    MAX_BUSY_SECONDS, MAX_CHUNK_BYTES, MAX_HEAD_BYTES, MAX_IDLE_PER_HOST, MAX_REDIRECTS,
    MAX_UNPACKERS, MAX_URL_BYTES, MAX_WINDOW_BYTES, Proxies, STALL_SECONDS, Settings,
    WHOLE_SECONDS,
};
pub use source::{Access, Source};
pub use tls::present;
pub use unpack::Format;
pub use unpack_file::UnpackedFile;
