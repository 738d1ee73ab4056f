//! One signed statement.

use std::time::Duration;

use openssl::pkey::{Id, PKey};
use openssl::sign::Verifier;
use serde::{Deserialize, Serialize};

use crate::model::{FederationId, Peer, Timestamp};
use crate::wire::{DecodeError, decode, encode};

/// Longest time that a statement may hold: thirteen months, as grid certificates do.
pub const MAX_SPAN: Duration = Duration::from_secs(400 * 24 * 3600);

/// Before the octets that are signed, so that no other signature of the key fits.
const CONTEXT: &[u8] = b"suq membership 1\n";

/// Longest statement, in bytes. Ours have some 250.
const MAX_STATEMENT_BYTES: usize = 1024;

/// What one member says of a peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The federation it is about.
    pub federation: FederationId,
    /// The peer.
    pub member: Peer,
    /// Who says it.
    pub issuer: Peer,
    /// When. The latest of an issuer counts.
    pub issued: Timestamp,
    /// Until when it holds, also when it takes a membership back.
    pub expires: Timestamp,
    /// False: the peer belongs to the federation. True: no longer.
    pub revoked: bool,
}

/// A statement with its signature, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Membership {
    /// The message that was signed, byte for byte.
    #[serde(with = "serde_bytes")]
    statement: Vec<u8>,
    /// Ed25519, 64 bytes.
    #[serde(with = "serde_bytes")]
    signature: Vec<u8>,
}

/// A statement that its issuer really made, for this federation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    statement: Statement,
    membership: Membership,
}

/// A membership that proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMembership {
    /// Not a statement.
    #[error("the membership cannot be read: {0}")]
    Malformed(#[from] DecodeError),
    /// Too long to be one.
    #[error("the membership has {0} bytes; none has more than {MAX_STATEMENT_BYTES}")]
    TooLong(usize),
    /// Made for another federation.
    #[error("the membership is of the federation {0}")]
    Federation(FederationId),
    /// Its times make no sense.
    #[error("the membership would hold from {issued} to {expires}: at most 400 days are allowed")]
    Span {
        /// When it was made.
        issued: Timestamp,
        /// Until when it says to hold.
        expires: Timestamp,
    },
    /// Not signed by the one it names.
    #[error("the membership of {member} is not signed by {issuer}, whom it names")]
    Signature {
        /// Whom it is about.
        member: Peer,
        /// Who is said to have made it.
        issuer: Peer,
    },
}

impl Statement {
    /// Signs the statement. `sign` makes an Ed25519 signature with the issuer's key.
    ///
    /// # Errors
    /// When the times make no sense, or the key is not the issuer's.
    pub fn sign(self, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> Result<Proven, BadMembership> {
        let statement = encode(&self);
        let signature = sign(&signed_octets(&statement));
        Membership { statement, signature }.prove(&self.federation)
    }
}

impl Membership {
    /// Checks everything that the statement alone can show.
    pub fn prove(self, federation: &FederationId) -> Result<Proven, BadMembership> {
        if self.statement.len() > MAX_STATEMENT_BYTES {
            return Err(BadMembership::TooLong(self.statement.len()));
        }
        let statement: Statement = decode(&self.statement)?;
        let Statement { member, issuer, issued, expires, .. } = statement;
        if statement.federation != *federation {
            return Err(BadMembership::Federation(statement.federation));
        }
        if expires <= issued || expires.since(issued) > MAX_SPAN {
            return Err(BadMembership::Span { issued, expires });
        }
        if !is_signed_by(&issuer, &signed_octets(&self.statement), &self.signature) {
            return Err(BadMembership::Signature { member, issuer });
        }
        Ok(Proven { statement, membership: self })
    }
}

impl Proven {
    /// What it says.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The form that travels.
    pub fn membership(&self) -> &Membership {
        &self.membership
    }
}

fn signed_octets(statement: &[u8]) -> Vec<u8> {
    [CONTEXT, statement].concat()
}

fn is_signed_by(issuer: &Peer, octets: &[u8], signature: &[u8]) -> bool {
    let verify = || {
        let key = PKey::public_key_from_raw_bytes(issuer.key(), Id::ED25519)?;
        Verifier::new_without_digest(&key)?.verify_oneshot(signature, octets)
    };
    // What OpenSSL cannot take for a key or a signature proves nothing.
    verify().unwrap_or(false)
}

#[cfg(test)]
pub(super) mod tests {
    use openssl::pkey::Private;
    use openssl::sign::Signer;

    use super::*;

    pub(in crate::membership) const FEDERATION: FederationId = FederationId::from_bytes([1; 32]);

    /// The key of a test's peer, always the same for a number.
    pub(in crate::membership) fn key(number: u8) -> PKey<Private> {
        PKey::private_key_from_raw_bytes(&[number; 32], Id::ED25519).unwrap()
    }

    pub(in crate::membership) fn peer(number: u8) -> Peer {
        Peer::from_key(key(number).raw_public_key().unwrap().try_into().unwrap())
    }

    pub(in crate::membership) fn sign(
        statement: Statement,
        by: u8,
    ) -> Result<Proven, BadMembership> {
        statement.sign(|octets| {
            Signer::new_without_digest(&key(by)).unwrap().sign_oneshot_to_vec(octets).unwrap()
        })
    }

    fn statement() -> Statement {
        Statement {
            federation: FEDERATION,
            member: peer(2),
            issuer: peer(1),
            issued: Timestamp::from_seconds(1000),
            expires: Timestamp::from_seconds(2000),
            revoked: false,
        }
    }

    #[test]
    fn a_membership_proves_what_its_issuer_said_and_nothing_else() {
        let proven = sign(statement(), 1).unwrap();
        let travelled: Membership = decode(&encode(proven.membership())).unwrap();
        assert_eq!(travelled.clone().prove(&FEDERATION), Ok(proven));
        assert!(matches!(sign(statement(), 3), Err(BadMembership::Signature { .. })));
        for place in 0..travelled.statement.len() {
            let mut changed = travelled.clone();
            changed.statement[place] ^= 1;
            assert!(changed.prove(&FEDERATION).is_err(), "byte {place}");
        }
        let other = FederationId::from_bytes([9; 32]);
        assert_eq!(travelled.prove(&other), Err(BadMembership::Federation(FEDERATION)));
    }

    #[test]
    fn times_that_make_no_sense_are_refused() {
        for expires in [1000, 999, 1000 + 401 * 86_400] {
            let expires = Timestamp::from_seconds(expires);
            let bad = sign(Statement { expires, ..statement() }, 1);
            assert!(matches!(bad, Err(BadMembership::Span { .. })), "{expires}");
        }
    }
}
