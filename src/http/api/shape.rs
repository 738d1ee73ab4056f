//! The shapes of entries in JSON. They are this version's promise to programs: whatever else
//! changes, these only gain members.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::timeline;
use crate::manifest;
use crate::node::{self, CountView, EntryRow, EntryView, FoundView};

use super::super::marketplace::entry_path;
use crate::model::EntryKey;

/// Where an entry stands in its endorser's timeline.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Status {
    /// The latest of its endorser, neither expired nor deprecated.
    Current,
    /// The latest of its endorser, and it takes the image back.
    Deprecated,
    /// The latest of its endorser, and its time has passed.
    Expired,
    /// A newer entry of the same endorser stands.
    Superseded,
    /// This site's rules no longer allow it.
    Withdrawn,
}

impl From<timeline::Status> for Status {
    fn from(status: timeline::Status) -> Status {
        match status {
            timeline::Status::Current => Status::Current,
            timeline::Status::Deprecated => Status::Deprecated,
            timeline::Status::Expired => Status::Expired,
            timeline::Status::Superseded => Status::Superseded,
            timeline::Status::Withdrawn => Status::Withdrawn,
        }
    }
}

/// An entry in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Entry {
    /// The image: 27 characters that spell its SHA-1.
    #[schema(example = "MMZu9WvwKIro-rtBQfDk4PsKO7_")]
    identifier: String,
    /// The endorser's address.
    #[schema(example = "jane.tester@example.org")]
    endorser: String,
    /// When it was endorsed, UTC.
    #[schema(format = "date-time", example = "2026-01-31T12:00:00Z")]
    endorsed: String,
    /// The signed document: SHA-256 of what is signed and of the signer's certificate.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    content_id: String,
    status: Status,
    /// True when the image's bytes are in this site's store.
    blob_here: bool,
    title: Option<String>,
    description: Option<String>,
    /// `dcterms:alternative`: the name that stays while images change.
    tag: Option<String>,
    os: Option<String>,
    os_version: Option<String>,
    os_arch: Option<String>,
    /// machine or disk.
    kind: Option<String>,
    /// raw or qcow2.
    format: Option<String>,
    /// Size of the uncompressed image.
    bytes: u64,
    /// Of the uncompressed image.
    sha512: Option<String>,
    /// Not to be used after this.
    #[schema(format = "date-time")]
    valid: Option<String>,
    /// Why the image must not be used any more.
    deprecated: Option<String>,
    /// Where the bytes are said to be.
    locations: Vec<String>,
    /// When this site first saw the entry.
    #[schema(format = "date-time")]
    first_seen: String,
    /// Path of the signed document on this node.
    document: String,
}

impl From<EntryRow> for Entry {
    fn from(row: EntryRow) -> Entry {
        let key = EntryKey {
            identifier: row.identifier,
            email: row.endorser.clone(),
            created: row.endorsed,
        };
        Entry {
            identifier: row.identifier.to_string(),
            endorser: row.endorser.to_string(),
            endorsed: row.endorsed.to_string(),
            content_id: row.content_id.to_string(),
            status: row.status.into(),
            blob_here: row.blob_here,
            title: row.title,
            description: row.description,
            tag: row.tag,
            os: row.os,
            os_version: row.os_version,
            os_arch: row.os_arch,
            kind: row.kind,
            format: row.format,
            bytes: row.bytes,
            sha512: row.sha512.map(|sha512| sha512.to_string()),
            valid: row.valid.map(|valid| valid.to_string()),
            deprecated: row.deprecated,
            locations: row.locations,
            first_seen: row.first_seen.to_string(),
            document: entry_path(&key),
        }
    }
}

/// How many entries have a value.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Count {
    value: String,
    count: u64,
}

/// A page of what a search found.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Found {
    /// How many entries there are in all.
    total: u64,
    /// This page of them: those whose words fit best first, then the newest endorsement.
    entries: Vec<Entry>,
    /// The `after` of the next page; none when this is the last. Pages show every entry once,
    /// whatever comes to the catalogue between them.
    next: Option<String>,
    /// How many of all of them have each value, the most frequent first, under the name of
    /// the filter: os, arch, kind, endorser.
    counts: BTreeMap<String, Vec<Count>>,
}

impl From<FoundView> for Found {
    fn from(found: FoundView) -> Found {
        let count = |CountView { value, count }| Count { value, count };
        let counts = |(name, values): (String, Vec<CountView>)| {
            (name, values.into_iter().map(count).collect())
        };
        Found {
            total: found.total,
            entries: found.entries.into_iter().map(Entry::from).collect(),
            next: found.next.map(|next| next.to_string()),
            counts: found.counts.into_iter().map(counts).collect(),
        }
    }
}

/// An element of another namespace in a manifest.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Extension {
    namespace: String,
    name: String,
    /// Its text and that of its children.
    text: String,
}

/// An entry with everything that its manifest says.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct EntryDetail {
    #[serde(flatten)]
    entry: Entry,
    /// True when its endorser signed another document under the same key.
    equivocation: bool,
    /// The peer that it came from; none when it was published here.
    from: Option<String>,
    /// base or grid in practice.
    #[serde(rename = "type")]
    image_type: String,
    version: Option<String>,
    serial_number: Option<u64>,
    hypervisor: Option<String>,
    /// ide, scsi or virtio.
    disks_bus: Option<String>,
    /// Of the bytes at the locations.
    compression: Option<String>,
    creator: Option<String>,
    publisher: Option<String>,
    /// Ports that the machine takes connections on; 0 for all.
    inbound_ports: Vec<u16>,
    /// Ports that the machine connects to; 0 for all.
    outbound_ports: Vec<u16>,
    /// ICMP types.
    icmp: Vec<u8>,
    replaces: Vec<String>,
    is_replaced_by: Vec<String>,
    is_version_of: Vec<String>,
    /// Of the uncompressed image, by algorithm, in hexadecimal digits.
    checksums: BTreeMap<String, String>,
    /// Subject of the endorser's certificate (RFC 2253).
    subject: String,
    /// Issuers of the certificate (RFC 2253), the direct one first.
    issuers: Vec<String>,
    /// True when each piece of the image can be checked as it arrives.
    has_pieces: bool,
    extensions: Vec<Extension>,
}

impl From<EntryView> for EntryDetail {
    fn from(view: EntryView) -> EntryDetail {
        let (equivocation, from) = (view.equivocation, view.from.map(|peer| peer.to_string()));
        let manifest = view.manifest.clone();
        let entry = Entry::from(EntryRow::from(view));
        let checksums = manifest.checksums.iter();
        let checksums = checksums
            .map(|(algorithm, value)| (algorithm.name().to_owned(), value.to_owned()))
            .collect();
        let details = manifest.details;
        let extension =
            |manifest::Extension { namespace, name, text }| Extension { namespace, name, text };
        EntryDetail {
            entry,
            equivocation,
            from,
            image_type: details.image_type,
            version: details.version,
            serial_number: details.serial_number,
            hypervisor: details.hypervisor,
            disks_bus: details.disks_bus,
            compression: details.compression,
            creator: details.creator,
            publisher: details.publisher,
            inbound_ports: details.inbound_ports,
            outbound_ports: details.outbound_ports,
            icmp: details.icmp,
            replaces: details.replaces,
            is_replaced_by: details.is_replaced_by,
            is_version_of: details.is_version_of,
            checksums,
            subject: manifest.endorsement.subject,
            issuers: manifest.endorsement.issuers,
            has_pieces: manifest.pieces.is_some(),
            extensions: manifest.extensions.into_iter().map(extension).collect(),
        }
    }
}

/// An image with everything that was ever said of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Image {
    #[schema(example = "MMZu9WvwKIro-rtBQfDk4PsKO7_")]
    identifier: String,
    /// Path of the bytes on this node; none when they are not in its store.
    blob: Option<String>,
    /// Every entry, per endorser, oldest first.
    entries: Vec<EntryDetail>,
}

impl Image {
    pub(super) fn new(identifier: String, blob: Option<String>, entries: Vec<EntryView>) -> Image {
        Image { identifier, blob, entries: entries.into_iter().map(EntryDetail::from).collect() }
    }
}

/// What one rule said of an entry.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Step {
    /// The rule.
    rule: String,
    /// The file and line that it stands in.
    source: Option<String>,
    /// passed, refused or not-set.
    outcome: String,
    reason: String,
}

/// What this site's rules say of using an entry now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Judgement {
    endorser: String,
    #[schema(format = "date-time")]
    endorsed: String,
    content_id: String,
    /// None when the document was refused, and so is not in the catalogue.
    status: Option<Status>,
    /// True when the image may be used for this entry's sake.
    allowed: bool,
    /// Every rule that was looked at, in order.
    steps: Vec<Step>,
}

impl From<node::JudgedEntry> for Judgement {
    fn from(judged: node::JudgedEntry) -> Judgement {
        let allowed = judged.verdict.is_allowed();
        let step = |step: crate::policy::Step| Step {
            outcome: step.outcome.word().to_owned(),
            rule: step.rule,
            source: step.source.map(|source| source.to_string()),
            reason: step.reason,
        };
        Judgement {
            endorser: judged.key.email.to_string(),
            endorsed: judged.key.created.to_string(),
            content_id: judged.content_id.to_string(),
            status: judged.status.map(Status::from),
            allowed,
            steps: judged.verdict.steps.into_iter().map(step).collect(),
        }
    }
}
