//! Certificates, keys and trust (X.509, RFC 5280), on OpenSSL.

mod anchors;
pub mod authority;
mod cache;
mod certificate;
mod chain;
mod key;
mod names;
mod public_key;
mod revocation;
mod signing_policy;

pub use anchors::{AnchorFile, AnchorView, Anchors, BadAnchor};
pub use cache::CertificateCache;
pub use certificate::{BadCertificate, Certificate};
pub use chain::{Explanation, Link};
pub use key::{KeyError, Password, SigningKey};
pub use public_key::VerifyingKey;
pub use revocation::RevocationView;
