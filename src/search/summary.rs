//! What lists and the results of a search show of an entry.

use serde::{Deserialize, Serialize};

use crate::engine::timeline::Status;
use crate::manifest::Manifest;
use crate::model::{ContentId, EntryKey, Peer, Sha512, Timestamp};

/// An entry in short: what is kept of it beside its document, so that lists need not read
/// that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The document.
    pub content_id: ContentId,
    /// Its key.
    pub key: EntryKey,
    /// Where it stands in its endorser's timeline. Whether its time has passed is not
    /// looked at: see [`Summary::status`].
    pub standing: Status,
    /// True when its endorser has no later one, not even one that was withdrawn.
    pub is_latest: bool,
    /// When this node first saw it.
    pub first_seen: Timestamp,
    /// Whom it came from; none when it was published here.
    pub from: Option<Peer>,
    /// Subject of the endorser's certificate (RFC 2253).
    pub subject: String,
    /// Issuers of the certificate (RFC 2253), the direct one first.
    pub issuers: Vec<String>,
    /// `dcterms:valid`: not to be used after this.
    pub valid: Option<Timestamp>,
    /// `slterms:deprecated`: why the image must not be used any more.
    pub deprecated: Option<String>,
    /// `dcterms:title`.
    pub title: Option<String>,
    /// `dcterms:description`.
    pub description: Option<String>,
    /// `dcterms:alternative`.
    pub tag: Option<String>,
    /// `slterms:os`.
    pub os: Option<String>,
    /// `slterms:os-version`.
    pub os_version: Option<String>,
    /// `slterms:os-arch`.
    pub os_arch: Option<String>,
    /// `slterms:kind`: machine or disk.
    pub kind: Option<String>,
    /// `dcterms:format`: raw or qcow2.
    pub format: Option<String>,
    /// `slterms:location`.
    pub locations: Vec<String>,
    /// Size of the uncompressed image in bytes.
    pub bytes: u64,
    /// The SHA-512 of the image, when the manifest has one.
    pub sha512: Option<Sha512>,
    /// Size of the document without its XML declaration, in bytes.
    pub listed_bytes: u64,
}

/// What the store knows of an entry, and no document says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The document.
    pub content_id: ContentId,
    /// Where it stands in its endorser's timeline, when time does not count.
    pub standing: Status,
    /// True when its endorser has no later one.
    pub is_latest: bool,
    /// When this node first saw it.
    pub first_seen: Timestamp,
    /// Whom it came from; none when it was published here.
    pub from: Option<Peer>,
}

impl Summary {
    /// The summary of a document.
    pub fn of(place: Place, manifest: Manifest, listed_bytes: u64) -> Summary {
        let Place { content_id, standing, is_latest, first_seen, from } = place;
        let key = manifest.key();
        let (details, endorsement) = (manifest.details, manifest.endorsement);
        Summary {
            content_id,
            key,
            standing,
            is_latest,
            first_seen,
            from,
            subject: endorsement.subject,
            issuers: endorsement.issuers,
            valid: details.valid,
            deprecated: details.deprecated,
            title: details.title,
            description: details.description,
            tag: details.tag,
            os: details.os,
            os_version: details.os_version,
            os_arch: details.os_arch,
            kind: details.kind,
            format: details.format,
            locations: details.locations,
            bytes: manifest.bytes,
            sha512: manifest.checksums.sha512(),
            listed_bytes,
        }
    }

    /// True when a newer entry of the same endorser changes where this one stands.
    pub fn may_be_replaced(&self) -> bool {
        self.is_latest || matches!(self.standing, Status::Current | Status::Deprecated)
    }

    /// True when `dcterms:valid` has passed.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.valid.is_some_and(|valid| valid < now)
    }

    /// Where it stands in its endorser's timeline now.
    pub fn status(&self, now: Timestamp) -> Status {
        match self.standing {
            Status::Current if self.is_expired(now) => Status::Expired,
            standing => standing,
        }
    }
}
