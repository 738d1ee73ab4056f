//! `suq show` and `suq timeline`

use clap::Args;

use super::{Common, Exit, ask, output};
use crate::manifest::Manifest;
use crate::node::{Answer, Call, EntryRow, EntryView, ImageName};

/// Show an image: its current entries, or the latest ones when none is current.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  suq show MMZu9WvwKIro-rtBQfDk4PsKO7_\n  suq show SHA1 --json")]
pub(crate) struct Show {
    /// Identifier, SHA-1 or SHA-512 of the image
    image: ImageName,
}

/// Show every entry of an image, per endorser, oldest first.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  suq timeline MMZu9WvwKIro-rtBQfDk4PsKO7_")]
pub(crate) struct Timeline {
    /// Identifier, SHA-1 or SHA-512 of the image
    image: ImageName,
}

impl Show {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        match ask::simple(common, &Call::Show(self.image))? {
            Answer::Entries(entries) if common.json => output::json(&entries),
            Answer::Entries(entries) => {
                for (number, entry) in entries.iter().enumerate() {
                    if number > 0 {
                        output::line("");
                    }
                    print_entry(entry);
                }
                Ok(())
            }
            other => Err(ask::unexpected(&other)),
        }
    }
}

impl Timeline {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        print_list(common, ask::simple(common, &Call::Timeline(self.image))?)
    }
}

/// Entries as a table.
pub(super) fn print_list(common: &Common, answer: Answer) -> Result<(), Exit> {
    let entries = match answer {
        Answer::Entries(entries) => entries,
        other => return Err(ask::unexpected(&other)),
    };
    if common.json {
        return output::json(&entries);
    }
    print_rows(entries.into_iter().map(EntryRow::from).collect());
    Ok(())
}

/// Entries as a table, one line each.
pub(super) fn print_rows(entries: Vec<EntryRow>) {
    if entries.is_empty() {
        return output::note("nothing found");
    }
    let row = |entry: EntryRow| {
        [
            entry.identifier.to_string(),
            entry.status.word().to_owned(),
            joined([entry.os, entry.os_version, entry.os_arch].iter()),
            entry.endorser.to_string(),
            entry.endorsed.to_string(),
            entry.title.or(entry.description).unwrap_or_default().chars().take(60).collect(),
        ]
    };
    let rows: Vec<[String; 6]> = entries.into_iter().map(row).collect();
    output::table(["IDENTIFIER", "STATUS", "SYSTEM", "ENDORSER", "ENDORSED", "TITLE"], &rows);
}

fn joined<'a>(parts: impl Iterator<Item = &'a Option<String>>) -> String {
    parts.flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
}

fn system(manifest: &Manifest) -> String {
    let details = &manifest.details;
    joined([&details.os, &details.os_version, &details.os_arch].into_iter())
}

fn print_entry(entry: &EntryView) {
    output::line(format!("status       {}", entry.status.word()));
    output::line(format!("content id   {}", entry.content_id));
    if entry.equivocation {
        output::line("ATTENTION    another document stands under the same key");
    }
    let here = if entry.blob_here { "in this store" } else { "not in this store" };
    output::line(format!("image        {here}"));
    print_manifest(&entry.manifest);
}

/// Every value of a manifest that is there.
pub(super) fn print_manifest(manifest: &Manifest) {
    let details = &manifest.details;
    let field = |name: &str, value: &str| {
        if !value.is_empty() {
            output::line(format!("{name:12} {value}"));
        }
    };
    field("identifier", &manifest.identifier.to_string());
    let optional = [
        ("title", &details.title),
        ("description", &details.description),
        ("tag", &details.tag),
        ("kind", &details.kind),
        ("version", &details.version),
        ("format", &details.format),
        ("hypervisor", &details.hypervisor),
        ("disks bus", &details.disks_bus),
        ("compression", &details.compression),
        ("creator", &details.creator),
        ("publisher", &details.publisher),
        ("deprecated", &details.deprecated),
    ];
    field("type", &details.image_type);
    field("system", &system(manifest));
    for (name, value) in optional {
        field(name, value.as_deref().unwrap_or(""));
    }
    let valid = details.valid.map(|valid| valid.to_string()).unwrap_or_default();
    field("valid until", &valid);
    field("bytes", &format!("{} ({})", manifest.bytes, output::bytes(manifest.bytes)));
    for (algorithm, value) in manifest.checksums.iter() {
        field(algorithm.name(), value);
    }
    for location in &details.locations {
        field("location", location);
    }
    let endorsement = &manifest.endorsement;
    field("endorser", endorsement.email.as_str());
    field("subject", &endorsement.subject);
    endorsement.issuers.iter().for_each(|issuer| field("issuer", issuer));
    field("endorsed", &endorsement.created.to_string());
    for extension in &manifest.extensions {
        field(&extension.name, &format!("{} ({})", extension.text, extension.namespace));
    }
}
