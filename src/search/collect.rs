//! What comes out of a search: the best, how many, and counts, in one pass.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::{Column, StrColumn};
use tantivy::{DocAddress, DocId, Score, SegmentOrdinal, SegmentReader};

use super::query::Rank;
use super::schema::{CREATED, FOREVER, Facet, ORDER, STANDING, VALID, number};
use crate::engine::timeline::Status;
use crate::model::Timestamp;

/// What is collected.
#[derive(Debug, Clone)]
pub(super) struct Page {
    pub(super) now: Timestamp,
    pub(super) status: Option<Status>,
    /// Where the page before ended.
    pub(super) after: Option<Rank>,
    /// Entries of the page.
    pub(super) most: usize,
    /// Whether words decide the order.
    pub(super) by_words: bool,
}

/// Counts of one facet: how many entries have each value.
pub(super) type Counts = BTreeMap<String, u64>;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pub(super) total: u64,
    /// The best first.
    pub(super) page: Vec<(Rank, DocAddress)>,
    pub(super) counts: [Counts; Facet::ALL.len()],
}

impl Collector for Page {
    type Fruit = Collected;
    type Child = OfSegment;

    fn for_segment(
        &self,
        segment: SegmentOrdinal,
        reader: &SegmentReader,
    ) -> tantivy::Result<OfSegment> {
        let columns = reader.fast_fields();
        let mut counted = Vec::new();
        for facet in Facet::ALL {
            counted.push(columns.str(facet.name())?.map(Counting::new));
        }
        Ok(OfSegment {
            page: self.clone(),
            segment,
            created: columns.i64(CREATED)?,
            valid: columns.i64(VALID)?,
            standing: columns.u64(STANDING)?,
            order: columns.u64(ORDER)?,
            counted,
            total: 0,
            best: BinaryHeap::new(),
        })
    }

    fn requires_scoring(&self) -> bool {
        self.by_words
    }

    fn merge_fruits(
        &self,
        segments: Vec<tantivy::Result<Collected>>,
    ) -> tantivy::Result<Collected> {
        let mut all = Collected::default();
        for segment in segments {
            let segment = segment?;
            all.total += segment.total;
            all.page.extend(segment.page);
            for (counts, more) in all.counts.iter_mut().zip(segment.counts) {
                for (value, count) in more {
                    *counts.entry(value).or_default() += count;
                }
            }
        }
        all.page.sort_unstable_by_key(|(rank, _)| Reverse(*rank));
        all.page.truncate(self.most);
        Ok(all)
    }
}

/// Counts of one facet in a segment, by the numbers of its values.
struct Counting {
    column: StrColumn,
    counts: Vec<u32>,
}

impl Counting {
    fn new(column: StrColumn) -> Counting {
        let counts = vec![0; column.num_terms()];
        Counting { column, counts }
    }

    fn named(&self) -> tantivy::Result<Counts> {
        let mut named = Counts::new();
        for (number, count) in (0..).zip(&self.counts) {
            let mut value = String::new();
            if *count > 0 && self.column.ord_to_str(number, &mut value)? {
                named.insert(value, u64::from(*count));
            }
        }
        Ok(named)
    }
}

/// What is collected in a segment.
pub(super) struct OfSegment {
    page: Page,
    segment: SegmentOrdinal,
    created: Column<i64>,
    valid: Column<i64>,
    standing: Column<u64>,
    order: Column<u64>,
    counted: Vec<Option<Counting>>,
    total: u64,
    best: BinaryHeap<(Reverse<Rank>, DocId)>,
}

impl OfSegment {
    fn has_status(&self, entry: DocId) -> bool {
        let Some(wanted) = self.page.status else { return true };
        let standing = self.standing.first(entry).unwrap_or_default();
        let is_over = || self.valid.first(entry).unwrap_or(FOREVER) < self.page.now.millis();
        match wanted {
            Status::Current => standing == number(Status::Current) && !is_over(),
            Status::Expired => standing == number(Status::Current) && is_over(),
            other => standing == number(other),
        }
    }
}

impl SegmentCollector for OfSegment {
    type Fruit = tantivy::Result<Collected>;

    fn collect(&mut self, entry: DocId, score: Score) {
        if !self.has_status(entry) {
            return;
        }
        self.total += 1;
        for counting in self.counted.iter_mut().flatten() {
            if let Some(value) = counting.column.ords().first(entry) {
                // The number of a value of this column.
                counting.counts[value as usize] += 1;
            }
        }
        let rank = Rank {
            // Sums of small whole numbers.
            fitness: score as u32,
            created: self.created.first(entry).unwrap_or_default(),
            order: self.order.first(entry).unwrap_or_default(),
        };
        if self.page.after.is_some_and(|after| rank >= after) {
            return;
        }
        self.best.push((Reverse(rank), entry));
        if self.best.len() > self.page.most {
            self.best.pop();
        }
    }

    fn harvest(self) -> tantivy::Result<Collected> {
        let mut collected = Collected { total: self.total, ..Collected::default() };
        let address = |entry| DocAddress::new(self.segment, entry);
        collected.page =
            self.best.into_iter().map(|(rank, entry)| (rank.0, address(entry))).collect();
        for (counts, counting) in collected.counts.iter_mut().zip(&self.counted) {
            *counts = counting.as_ref().map_or(Ok(Counts::new()), Counting::named)?;
        }
        Ok(collected)
    }
}
