//! Certificates, keys and trust (X.509, RFC 5280), on OpenSSL.

mod anchors;
pub mod authority;
mod cache;
mod certificate;
mod key;
mod names;

pub use anchors::{AnchorFile, Anchors, BadAnchor};
pub use cache::CertificateCache;
pub use certificate::{BadCertificate, Certificate};
pub use key::{KeyError, Password, SigningKey};
