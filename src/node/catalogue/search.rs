//! Search: entries whose texts hold every word, the best first.

use std::collections::BTreeMap;

use super::{Catalogue, search_failed};
use crate::model::Timestamp;
use crate::node::{CountView, EntryRow, Failure, FoundView, MAX_PAGE, Query};
use crate::search::{Found, Search, Summary};

/// Entries of a page when nobody says how many.
const PAGE: usize = 50;

impl Catalogue {
    /// A page of the entries that fit, with counts of all of them.
    pub fn search(&self, query: &Query, now: Timestamp) -> Result<FoundView, Failure> {
        let most = query.limit.unwrap_or(PAGE).clamp(1, MAX_PAGE);
        let search = Search {
            words: query.words.join(" "),
            os: query.os.clone(),
            os_version: query.os_version.clone(),
            arch: query.arch.clone(),
            kind: query.kind.clone(),
            endorser: query.endorser.clone(),
            tag: query.tag.clone(),
            status: query.status.status(),
            ..Search::default()
        };
        let found = self.snapshot()?.search(&search, query.after, most, now);
        let Found { total, page, next, counts } = found.map_err(search_failed)?;
        let count = |(value, count)| CountView { value, count };
        let counts = counts.into_iter().map(|(facet, values)| {
            (facet.name().to_owned(), values.into_iter().map(count).collect())
        });
        Ok(FoundView {
            total,
            entries: page.into_iter().map(|entry| self.row(entry, now)).collect(),
            next,
            counts: counts.collect::<BTreeMap<_, _>>(),
        })
    }

    fn row(&self, entry: Summary, now: Timestamp) -> EntryRow {
        EntryRow {
            status: entry.status(now),
            blob_here: self.blobs.by_sha1(&entry.key.identifier.sha1()).is_some(),
            content_id: entry.content_id,
            identifier: entry.key.identifier,
            endorser: entry.key.email,
            endorsed: entry.key.created,
            title: entry.title,
            description: entry.description,
            tag: entry.tag,
            os: entry.os,
            os_version: entry.os_version,
            os_arch: entry.os_arch,
            kind: entry.kind,
            format: entry.format,
            bytes: entry.bytes,
            sha512: entry.sha512,
            valid: entry.valid,
            deprecated: entry.deprecated,
            locations: entry.locations,
            first_seen: entry.first_seen,
        }
    }
}
