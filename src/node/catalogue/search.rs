//! Search: entries whose texts hold every word.

use super::{Catalogue, Entry, store_failed};
use crate::engine::timeline::{self, Fact, Status};
use crate::manifest::Manifest;
use crate::model::Timestamp;
use crate::node::{EntryView, Failure, Query};

/// Entries in one answer.
const MAX_ANSWERS: usize = 10_000;

impl Catalogue {
    /// Entries that fit, newest endorsement first.
    pub(super) fn search(&self, query: &Query, now: Timestamp) -> Result<Vec<EntryView>, Failure> {
        let mut found = Vec::new();
        // Rows come image by image, so statuses can be decided as they pass.
        let mut identifiers: Vec<_> = Vec::new();
        for row in self.store.known().map_err(store_failed)? {
            identifiers.push(row.key.identifier);
        }
        identifiers.sort_unstable();
        identifiers.dedup();
        for identifier in identifiers {
            let entries = self.entries_of(&identifier)?;
            let facts: Vec<Fact> = entries.iter().map(Entry::fact).collect();
            let statuses = timeline::statuses(&facts, now);
            let fits = |(entry, status): &(Entry, Status)| {
                query.status.wants(*status) && fits(&entry.manifest, query)
            };
            if entries.iter().cloned().zip(statuses.iter().copied()).any(|pair| fits(&pair)) {
                let views = self.views(entries, now);
                found.extend(views.into_iter().filter(|view| {
                    query.status.wants(view.status) && self::fits(&view.manifest, query)
                }));
            }
            if found.len() >= MAX_ANSWERS {
                break;
            }
        }
        found.sort_by(|a, b| {
            let newest = b.manifest.endorsement.created.cmp(&a.manifest.endorsement.created);
            newest.then(a.content_id.cmp(&b.content_id))
        });
        Ok(found)
    }
}

fn fits(manifest: &Manifest, query: &Query) -> bool {
    let details = &manifest.details;
    let equal = |wanted: &Option<String>, value: &Option<String>| {
        let value = value.as_deref().unwrap_or("");
        wanted.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(value))
    };
    let endorser = &manifest.endorsement.email;
    equal(&query.os, &details.os)
        && equal(&query.os_version, &details.os_version)
        && equal(&query.arch, &details.os_arch)
        && equal(&query.kind, &details.kind)
        && equal(&query.tag, &details.tag)
        && query.endorser.as_ref().is_none_or(|wanted| wanted == endorser)
        && holds_words(manifest, &query.words)
}

fn holds_words(manifest: &Manifest, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let details = &manifest.details;
    let texts = [
        &details.title,
        &details.description,
        &details.os,
        &details.os_version,
        &details.os_arch,
        &details.tag,
    ];
    let mut all: Vec<String> = texts.into_iter().flatten().map(|t| t.to_lowercase()).collect();
    all.push(manifest.endorsement.email.as_str().to_lowercase());
    // Identifiers are told apart by case, but people type what they remember.
    all.push(manifest.identifier.to_string().to_lowercase());
    let occurs = |word: &String| {
        let word = word.to_lowercase();
        all.iter().any(|text| text.contains(&word))
    };
    words.iter().all(occurs)
}
