//! The envelope around every message.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version of every message this code writes.
pub const VERSION: u16 = 1;

/// Deepest nesting a message may have. The deepest of ours has six levels.
const MAX_DEPTH: usize = 16;

/// Bytes that are not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not the CBOR that `proto/suq.cddl` describes.
    #[error("malformed message: {0}")]
    Malformed(String),
    /// Written by a newer suq.
    #[error("message version {0} is not known here (this node speaks version {VERSION})")]
    Version(u16),
}

#[derive(Serialize)]
struct Outgoing<'a, T> {
    v: u16,
    body: &'a T,
}

#[derive(Deserialize)]
struct Version {
    v: u16,
}

#[derive(Deserialize)]
struct Incoming<T> {
    v: u16,
    body: T,
}

/// The bytes of a message.
pub fn encode<T: Serialize>(body: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Invariant: writing to memory cannot fail, and no message type has a
    // Serialize that does.
    #[expect(clippy::expect_used)]
    ciborium::into_writer(&Outgoing { v: VERSION, body }, &mut bytes)
        .expect("messages serialise into memory");
    bytes
}

/// Reads one message that fills the bytes.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    // Documents are read once: the version alone is looked for when that fails.
    let message: Result<Incoming<T>, DecodeError> = read(bytes);
    let version = match &message {
        Ok(message) => message.v,
        Err(_) => read::<Version>(bytes)?.v,
    };
    if version != VERSION {
        return Err(DecodeError::Version(version));
    }
    message.map(|message| message.body)
}

/// Reads one CBOR item that fills the bytes.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut rest = bytes;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, MAX_DEPTH)
        .map_err(|error| DecodeError::Malformed(error.to_string()))?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(DecodeError::Malformed(format!("{} bytes after the message", rest.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_version_is_named_not_misread() {
        let mut bytes = Vec::new();
        ciborium::into_writer(&serde_json::json!({"v": 9, "body": {"new": true}}), &mut bytes)
            .unwrap();
        assert_eq!(decode::<u32>(&bytes), Err(DecodeError::Version(9)));
    }

    #[test]
    fn truncated_trailing_and_deep_bytes_are_refused() {
        let bytes = encode(&7u32);
        for end in 0..bytes.len() {
            assert!(decode::<u32>(&bytes[..end]).is_err(), "{end}");
        }
        let trailing = [bytes.as_slice(), &[0]].concat();
        assert!(matches!(decode::<u32>(&trailing), Err(DecodeError::Malformed(_))));
        let deep = vec![0x81; 100_000];
        assert!(matches!(decode::<u32>(&deep), Err(DecodeError::Malformed(_))));
    }
}
