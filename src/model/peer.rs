//! The name of a node.

use std::fmt;
use std::str::FromStr;

use super::text::text_form;

/// What libp2p puts before an Ed25519 key to make a peer id: an identity
/// multihash (0x00) of 36 bytes holding a protobuf with key type 1 and 32 bytes.
/// <https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md>
const PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// Length of a peer id of this kind in base58, in characters.
const TEXT_LENGTH: usize = 52;

/// A node, named by its Ed25519 public key and written as libp2p writes peer ids (`12D3Koo…`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer([u8; 32]);

impl Peer {
    /// The node with this Ed25519 public key.
    pub const fn from_key(key: [u8; 32]) -> Peer {
        Peer(key)
    }

    /// The Ed25519 public key.
    pub const fn key(&self) -> &[u8; 32] {
        &self.0
    }

    /// The bytes of the libp2p peer id.
    pub fn to_multihash(self) -> [u8; 38] {
        let mut bytes = [0u8; 38];
        bytes[..6].copy_from_slice(&PREFIX);
        bytes[6..].copy_from_slice(&self.0);
        bytes
    }

    /// Reads the bytes of a libp2p peer id; `None` when its key is not Ed25519.
    pub fn from_multihash(bytes: &[u8]) -> Option<Peer> {
        bytes.strip_prefix(&PREFIX)?.try_into().ok().map(Peer)
    }

    /// The last eight characters: enough to tell a few nodes apart on a screen.
    pub fn short(&self) -> String {
        let text = self.to_string();
        text[text.len() - 8..].to_owned()
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bs58::encode(self.to_multihash()).into_string())
    }
}

/// Text that is not the peer id of a suq node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a peer id: 52 characters that begin with 12D3Koo are needed")]
pub struct BadPeer {
    text: String,
}

impl FromStr for Peer {
    type Err = BadPeer;

    fn from_str(text: &str) -> Result<Peer, BadPeer> {
        let bad = || BadPeer { text: text.chars().take(80).collect() };
        if text.len() != TEXT_LENGTH {
            return Err(bad());
        }
        let bytes = bs58::decode(text).into_vec().map_err(|_| bad())?;
        Peer::from_multihash(&bytes).ok_or_else(bad)
    }
}

text_form!(Peer);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_written_as_libp2p_writes_it() {
        let peer = Peer::from_key([7; 32]);
        let text = peer.to_string();
        assert!(text.starts_with("12D3Koo") && text.len() == TEXT_LENGTH, "{text}");
        assert_eq!(text.parse(), Ok(peer));
    }
}
