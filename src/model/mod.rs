//! The words of suq as types: ids, digests, time. Pure values, parsed once at the border.

mod address;
mod amount;
mod change;
mod content_id;
mod digest;
mod email;
mod federation;
mod identifier;
mod ini;
mod key;
mod peer;
mod text;
mod time;

pub use address::{Address, BadAddress, Reachable};
pub use amount::{BadAmount, Size, Span, none_or};
pub use change::ChangeNumber;
pub use content_id::ContentId;
pub use digest::{Algorithm, BadDigest, Checksum, Checksums, Sha1, Sha256, Sha512};
pub use email::{BadEmail, Email};
pub use federation::FederationId;
pub use identifier::{BadIdentifier, Identifier};
pub use ini::{BadIni, IniOption, read_ini};
pub use key::EntryKey;
pub use peer::{BadPeer, Peer};
pub use time::{BadTimestamp, Timestamp};
