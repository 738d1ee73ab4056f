//! Certificate revocation lists (RFC 5280 §5): whose they are, and whom they name.

use std::cmp::Ordering;

use openssl::x509::{CrlStatus, X509, X509Crl};
use serde::Serialize;

use super::anchors::{Anchor, Anchors};
use super::certificate::time;
use crate::model::{Sha256, Timestamp};

/// A list that was read.
pub(super) struct RevocationList {
    crl: X509Crl,
    pub(super) file: String,
    next_update: Option<Timestamp>,
    /// The anchors whose key made it: found once, because a list of a large
    /// authority has megabytes.
    made_by: Vec<Sha256>,
}

/// A revocation list, for a site administrator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RevocationView {
    /// The file it was read from.
    pub file: String,
    /// When its issuer promised a newer one.
    pub next_update: Option<Timestamp>,
}

impl RevocationList {
    /// Reads a list in PEM or DER. The error says what is wrong.
    pub(super) fn read(file: &str, bytes: &[u8]) -> Result<RevocationList, String> {
        let crl = X509Crl::from_pem(bytes).or_else(|_| X509Crl::from_der(bytes));
        let crl = crl.map_err(|_| "not a certificate revocation list".to_owned())?;
        let next_update = crl.next_update().map(time).transpose();
        let next_update = next_update.map_err(|error| error.to_string())?;
        Ok(RevocationList { crl, file: file.to_owned(), next_update, made_by: Vec::new() })
    }

    /// Finds its makers among the anchors.
    pub(super) fn find_makers(&mut self, anchors: &[Anchor]) {
        let makers = anchors.iter().filter(|anchor| self.is_made_by(&anchor.x509));
        self.made_by = makers.map(|anchor| anchor.certificate.sha256()).collect();
    }

    fn is_made_by(&self, issuer: &X509) -> bool {
        let same_name = self.crl.issuer_name().try_cmp(issuer.subject_name());
        matches!(same_name, Ok(Ordering::Equal))
            && issuer.public_key().is_ok_and(|key| self.crl.verify(&key).unwrap_or(false))
    }

    pub(super) fn view(&self) -> RevocationView {
        RevocationView { file: self.file.clone(), next_update: self.next_update }
    }
}

impl Anchors {
    /// The revocation list of an issuer that is up to date longest.
    pub(super) fn revocations_of(&self, issuer: &X509) -> Option<&RevocationList> {
        self.lists_of(issuer).max_by_key(|list| list.next_update)
    }

    fn lists_of(&self, issuer: &X509) -> impl Iterator<Item = &RevocationList> {
        let anchor = self.certificates.iter().find(|anchor| anchor.x509 == *issuer);
        let anchor = anchor.map(|anchor| anchor.certificate.sha256());
        self.revocations.iter().filter(move |list| match &anchor {
            Some(anchor) => list.made_by.contains(anchor),
            // An authority between anchor and signer, from the document.
            None => list.is_made_by(issuer),
        })
    }

    /// The first certificate of a chain, from signer to anchor, that its issuer
    /// has revoked by now: its place and the list that says so.
    pub(super) fn revoked(&self, chain: &[X509]) -> Option<(usize, &RevocationList)> {
        chain.windows(2).enumerate().find_map(|(place, pair)| {
            let (certificate, issuer) = (&pair[0], &pair[1]);
            let mut lists = self.lists_of(issuer);
            // OpenSSL sorts a list at the first look and then searches by halves.
            let revokes = |list: &&RevocationList| {
                matches!(list.crl.get_by_cert(certificate), CrlStatus::Revoked(_))
            };
            lists.find(revokes).map(|list| (place, list))
        })
    }
}
