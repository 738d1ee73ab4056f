//! Reading the index.

use std::collections::BTreeMap;
use std::sync::Arc;

use tantivy::collector::DocSetCollector;
use tantivy::query::Query;
use tantivy::schema::Value;
use tantivy::{DocAddress, Searcher, TantivyDocument};

use super::collect::{Collected, Counts, Page};
use super::query::{self, Rank, Search};
use super::schema::{Facet, Fields};
use super::{SearchError, Summary};
use crate::model::{ContentId, Email, Identifier, Timestamp};

/// Values of a facet that are counted by name: the most frequent.
const MAX_VALUES: usize = 50;

/// The index at one moment.
#[derive(Clone)]
pub struct Snapshot {
    searcher: Searcher,
    fields: Arc<Fields>,
}

/// Where a row is in a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowAt(DocAddress);

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// How many entries there are in all.
    pub total: u64,
    /// This page of them: those whose words fit best first, then the newest endorsement.
    pub page: Vec<Summary>,
    /// Where the next page begins; none when this is the last.
    pub next: Option<Rank>,
    /// How many of all of them have each value, the most frequent first.
    pub counts: Vec<(Facet, Vec<(String, u64)>)>,
}

impl Snapshot {
    pub(super) fn new(searcher: Searcher, fields: Arc<Fields>) -> Snapshot {
        Snapshot { searcher, fields }
    }

    /// How many entries are in the index.
    pub fn len(&self) -> u64 {
        self.searcher.num_docs()
    }

    /// True when nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A page of what fits, after the place where the page before ended.
    pub fn search(
        &self,
        search: &Search,
        after: Option<Rank>,
        most: usize,
        now: Timestamp,
    ) -> Result<Found, SearchError> {
        let by_words = !search.looked_up().is_empty();
        let query = search.query(&self.fields);
        let page = Page { now, status: search.status, after, most: most + 1, by_words };
        let Collected { total, mut page, counts } = self.searcher.search(&query, &page)?;
        let has_more = page.len() > most;
        page.truncate(most);
        let next = page.last().map(|(rank, _)| *rank).filter(|_| has_more);
        let page = page.into_iter().map(|(_, at)| self.row(RowAt(at))).collect::<Result<_, _>>()?;
        let counts = Facet::ALL.into_iter().zip(counts.into_iter().map(most_frequent)).collect();
        Ok(Found { total, page, next, counts })
    }

    /// Shows every row that fits, in no order. Of a search that names no image and no
    /// endorser, all rows are read one after the other.
    pub fn rows(
        &self,
        search: &Search,
        mut show: impl FnMut(RowAt, Summary),
    ) -> Result<(), SearchError> {
        if *search != Search::default() {
            for at in self.found(&*search.query(&self.fields))? {
                show(at, self.row(at)?);
            }
            return Ok(());
        }
        for (segment, reader) in (0..).zip(self.searcher.segment_readers()) {
            let rows = reader.get_store_reader(1).map_err(tantivy::TantivyError::from)?;
            let alive = reader.doc_ids_alive();
            for (entry, row) in alive.zip(rows.iter::<TantivyDocument>(reader.alive_bitset())) {
                let at = RowAt(DocAddress::new(segment, entry));
                show(at, self.read(&row?)?);
            }
        }
        Ok(())
    }

    /// The entries of an endorser about an image that a newer one may replace.
    pub fn standing(
        &self,
        image: &Identifier,
        email: &Email,
    ) -> Result<Vec<ContentId>, SearchError> {
        let found = self.found(&*query::standing(&self.fields, image, email))?;
        found.into_iter().map(|at| Ok(self.row(at)?.content_id)).collect()
    }

    /// A row.
    pub fn row(&self, at: RowAt) -> Result<Summary, SearchError> {
        self.read(&self.searcher.doc(at.0)?)
    }

    /// In the order in which rows are stored.
    fn found(&self, query: &dyn Query) -> Result<Vec<RowAt>, SearchError> {
        let found = self.searcher.search(query, &DocSetCollector)?;
        let mut found: Vec<RowAt> = found.into_iter().map(RowAt).collect();
        found.sort_unstable();
        Ok(found)
    }

    fn read(&self, row: &TantivyDocument) -> Result<Summary, SearchError> {
        let octets = row.get_first(self.fields.summary).and_then(|value| value.as_bytes());
        let octets = octets.ok_or_else(|| SearchError::Row("it is empty".to_owned()))?;
        serde_json::from_slice(octets).map_err(|error| SearchError::Row(error.to_string()))
    }
}

/// The most frequent values. Those that differ by case alone are one, as a filter takes
/// them; they have the name of the most frequent.
fn most_frequent(counts: Counts) -> Vec<(String, u64)> {
    let mut one: BTreeMap<String, (String, u64, u64)> = BTreeMap::new();
    for (value, count) in counts {
        let (name, best, total) = one.entry(value.to_lowercase()).or_default();
        *total += count;
        if count > *best {
            (*name, *best) = (value, count);
        }
    }
    let mut values: Vec<(String, u64)> =
        one.into_values().map(|(name, _, total)| (name, total)).collect();
    values.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    values.truncate(MAX_VALUES);
    values
}
