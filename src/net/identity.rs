//! The key that names a node.

use std::fmt;

use libp2p::PeerId;
use libp2p::identity::Keypair;
use zeroize::Zeroizing;

use crate::model::Peer;

/// An Ed25519 key pair.
#[derive(Clone)]
pub struct Identity(Keypair);

/// Bytes that are not a node's key.
#[derive(Debug, thiserror::Error)]
#[error("not a node's key: {0}")]
pub struct BadIdentity(String);

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.peer())
    }
}

impl Identity {
    /// A new random key.
    pub fn generate() -> Identity {
        Identity(Keypair::generate_ed25519())
    }

    /// Reads what [`Identity::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Identity, BadIdentity> {
        let key = Keypair::from_protobuf_encoding(bytes)
            .map_err(|error| BadIdentity(error.to_string()))?;
        match peer_of(&key.public().to_peer_id()) {
            Some(_) => Ok(Identity(key)),
            None => Err(BadIdentity("it is not an Ed25519 key".to_owned())),
        }
    }

    /// The key as libp2p's protobuf.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.to_protobuf_encoding().unwrap_or_default())
    }

    /// The node's name.
    pub fn peer(&self) -> Peer {
        // Invariant: both constructors make sure that the key is Ed25519.
        #[expect(clippy::expect_used)]
        peer_of(&self.0.public().to_peer_id()).expect("an Ed25519 key")
    }

    /// Signs octets: Ed25519, 64 bytes.
    pub fn sign(&self, octets: &[u8]) -> Vec<u8> {
        // Only a key that is held elsewhere could fail.
        self.0.sign(octets).unwrap_or_default()
    }

    pub(super) fn keypair(&self) -> &Keypair {
        &self.0
    }
}

/// The peer behind a libp2p id; none unless its key is Ed25519.
pub(super) fn peer_of(id: &PeerId) -> Option<Peer> {
    Peer::from_multihash(&id.to_bytes())
}

/// The libp2p id of a peer; none for bytes that are no point of the curve.
pub(super) fn peer_id(peer: Peer) -> Option<PeerId> {
    PeerId::from_bytes(&peer.to_multihash()).ok()
}
