//! The steps of proof: each type can only be made by the step that proves it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Manifest;
use crate::model::{ContentId, Sha256, Timestamp};

/// Which rules of signing a document follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// SHA-256 or better throughout.
    Modern,
    /// SHA-1, DSA or MD5 somewhere in the signature or its certificate.
    Legacy,
}

/// Who signed, as the certificate says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signer {
    /// SHA-256 of the certificate in DER.
    pub certificate: Sha256,
    /// Subject in the form of RFC 2253.
    pub subject: String,
    /// Issuer in the form of RFC 2253.
    pub issuer: String,
    /// True when the certificate itself names the endorser's address.
    pub email_in_certificate: bool,
    /// Start of the certificate's validity.
    pub not_before: Timestamp,
    /// End of the certificate's validity.
    pub not_after: Timestamp,
    /// Signature and digest algorithms, for display: `RSA-SHA256, SHA-256`.
    pub algorithms: String,
    /// Modern or legacy.
    pub profile: Profile,
}

/// A document whose signature holds and whose signer is who it says: the only
/// constructor is [`super::verify`].
#[derive(Debug, Clone)]
pub struct Verified {
    pub(super) manifest: Manifest,
    pub(super) content_id: ContentId,
    pub(super) signer: Signer,
    pub(super) octets: Arc<[u8]>,
    /// Certificates of the document in DER, the signer's first.
    pub(super) certificates: Vec<Arc<[u8]>>,
}

impl Verified {
    /// What the document says.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The address of the document.
    pub fn content_id(&self) -> ContentId {
        self.content_id
    }

    /// Who signed it.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// The document as it was received, byte for byte.
    pub fn octets(&self) -> &Arc<[u8]> {
        &self.octets
    }

    /// Certificates of the document in DER, the signer's first.
    pub fn certificates(&self) -> &[Arc<[u8]>] {
        &self.certificates
    }
}

/// This site's opinion of a signer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// The certificate chains to an anchor of this site.
    Anchored {
        /// Subject of the anchor.
        anchor: String,
        /// When the first of the revocation lists that were consulted goes
        /// stale; none when there are none.
        revocations_until: Option<Timestamp>,
    },
    /// The certificate itself is pinned at this site.
    Pinned,
    /// Neither.
    Untrusted {
        /// Why, for a site administrator.
        reason: String,
    },
}

/// A document that was just signed here, and verifies: the only constructors
/// are the functions that sign.
#[derive(Debug, Clone)]
pub struct Signed {
    pub(super) verified: Verified,
}

impl Signed {
    /// The document, byte for byte.
    pub fn octets(&self) -> &Arc<[u8]> {
        &self.verified.octets
    }

    /// The document, byte for byte.
    pub fn into_octets(self) -> Arc<[u8]> {
        self.verified.octets
    }

    /// A fresh signature has been verified once.
    pub fn verified(&self) -> &Verified {
        &self.verified
    }
}
