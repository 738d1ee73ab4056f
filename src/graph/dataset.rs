//! The triples of every entry, in memory: grouped by entry, and found by any term that
//! occurs in them.
//!
//! An entry has about thirty triples, so what holds a term is looked up by entry, and the
//! triples of that entry are read one by one.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use either::Either;
use oxrdf::{LiteralRef, NamedNodeRef, NamedOrBlankNode, Term, TermRef};

use super::document::{self, Fact};
use super::meter;
use super::terms::{TermId, Terms};
use crate::engine::timeline::Status;
use crate::manifest::{SLTERMS, SUQ};
use crate::model::{ChangeNumber, ContentId, EntryKey, Timestamp};

/// Memory of all triples, in octets: more than twice what a hundred thousand entries take.
/// A catalogue that needs more is not for a query in memory.
pub const MAX_BYTES: usize = 512 * 1024 * 1024;

/// What an entry of this site's has as `slterms:deprecated` when it was withdrawn: who knows
/// nothing of this site's own terms must not take it for good.
const WITHDRAWN: &str = "withdrawn: this site's rules no longer allow it";

/// `urn:suq:terms:1#status`. It has the first number, and the words for it the next.
const STATUS: TermId = TermId(0);
const STATUSES: [Status; 5] =
    [Status::Current, Status::Deprecated, Status::Expired, Status::Superseded, Status::Withdrawn];
/// `slterms:deprecated`, and what it says of what was withdrawn.
const DEPRECATED: TermId = TermId(6);
const WHY_WITHDRAWN: TermId = TermId(7);

/// Where a term occurs, packed: an entry, or, with this bit, a list of entries.
const IS_LIST: u32 = 1 << 31;
const NOWHERE: u32 = u32::MAX;

/// Where a pattern is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum In {
    /// In everything together; what two entries say is there once.
    Union,
    /// In each entry by itself.
    Each,
    /// In the entry of this name.
    Entry(TermId),
}

/// Terms that must be at their places; none where any may be.
pub(super) type Pattern = [Option<TermId>; 3];

#[derive(Debug)]
struct Entry {
    /// Where its triples begin.
    first: u32,
    name: TermId,
    standing: Status,
    valid: Option<Timestamp>,
}

/// The graphs of all entries.
#[derive(Debug)]
pub struct Dataset {
    pub(super) terms: Terms,
    entries: Vec<Entry>,
    facts: Vec<Fact>,
    by_id: HashMap<ContentId, u32>,
    /// Where each term occurs.
    places: Vec<u32>,
    lists: Vec<Vec<u32>>,
    /// Entries in all lists.
    listed: usize,
    seen: ChangeNumber,
}

impl Default for Dataset {
    fn default() -> Dataset {
        let mut terms = Terms::default();
        terms.put(NamedNodeRef::new_unchecked(&format!("{SUQ}status")).into());
        for status in STATUSES {
            terms.put(LiteralRef::new_simple_literal(status.word()).into());
        }
        terms.put(NamedNodeRef::new_unchecked(&format!("{SLTERMS}deprecated")).into());
        terms.put(LiteralRef::new_simple_literal(WITHDRAWN).into());
        Dataset {
            places: vec![NOWHERE; terms.len() as usize],
            terms,
            entries: Vec::new(),
            facts: Vec::new(),
            by_id: HashMap::new(),
            lists: Vec::new(),
            listed: 0,
            seen: ChangeNumber::NONE,
        }
    }
}

/// The word of a status, as a term.
fn word(status: Status) -> TermId {
    TermId(match status {
        Status::Current => 1,
        Status::Deprecated => 2,
        Status::Expired => 3,
        Status::Superseded => 4,
        Status::Withdrawn => 5,
    })
}

impl Dataset {
    /// The last change of the catalogue that is in here.
    pub fn seen(&self) -> ChangeNumber {
        self.seen
    }

    /// Notes that everything up to this change is in here.
    pub fn has_seen(&mut self, change: ChangeNumber) {
        self.seen = change;
    }

    /// Octets of memory.
    pub fn bytes(&self) -> usize {
        const ROW: usize = size_of::<ContentId>() + size_of::<u32>() + 1;
        self.terms.bytes()
            + self.facts.capacity() * size_of::<Fact>()
            + self.entries.capacity() * size_of::<Entry>()
            + self.by_id.capacity() * ROW
            + self.places.capacity() * size_of::<u32>()
            // A list that grows has room for twice as much at the most.
            + self.lists.capacity() * size_of::<Vec<u32>>()
            + self.listed * 2 * size_of::<u32>()
    }

    /// How many triples the documents have.
    pub fn len(&self) -> usize {
        self.facts.len()
    }

    /// True when there is no triple.
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// Notes where an entry stands in its endorser's timeline, when time does not count.
    /// False when the entry is not here yet.
    pub fn place(&mut self, id: &ContentId, standing: Status) -> bool {
        let Some(&entry) = self.by_id.get(id) else { return false };
        let there = &mut self.entries[entry as usize];
        there.standing = standing;
        if standing == Status::Withdrawn {
            self.note(DEPRECATED, entry);
            self.note(WHY_WITHDRAWN, entry);
        }
        true
    }

    /// Takes in an entry. Of a document that is no RDF only the status is there.
    pub fn put(
        &mut self,
        id: ContentId,
        key: &EntryKey,
        document: &[u8],
        valid: Option<Timestamp>,
        standing: Status,
    ) {
        if self.place(&id, standing) {
            return;
        }
        let triples = document::triples(key, document).unwrap_or_else(|error| {
            tracing::warn!(%error, entry = %key, "queries do not see what this entry says");
            Vec::new()
        });
        let entry = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let first = u32::try_from(self.facts.len()).unwrap_or(u32::MAX);
        let name = self.terms.put(document::name(key).as_ref().into());
        self.facts.reserve_exact(if self.facts.capacity() - self.facts.len() < triples.len() {
            // A quarter more, not twice as much.
            triples.len().max(self.facts.len() / 4)
        } else {
            0
        });
        let mut blanks = BTreeMap::new();
        for triple in &triples {
            let subject = match &triple.subject {
                NamedOrBlankNode::NamedNode(node) => self.terms.put(node.as_ref().into()),
                NamedOrBlankNode::BlankNode(node) => self.blank(&mut blanks, node.as_str()),
            };
            let predicate = self.terms.put(triple.predicate.as_ref().into());
            // Where an entry stands is for the site to say.
            if predicate == STATUS {
                continue;
            }
            let object = match &triple.object {
                Term::BlankNode(node) => self.blank(&mut blanks, node.as_str()),
                other => self.terms.put(other.as_ref()),
            };
            self.facts.push([subject, predicate, object]);
        }
        self.places.resize(self.terms.len() as usize, NOWHERE);
        self.entries.push(Entry { first, name, standing, valid });
        self.note(name, entry);
        for at in first as usize..self.facts.len() {
            for term in self.facts[at] {
                self.note(term, entry);
            }
        }
        self.by_id.insert(id, entry);
        self.place(&id, standing);
    }

    fn blank<'a>(&mut self, blanks: &mut BTreeMap<&'a str, TermId>, name: &'a str) -> TermId {
        let node = || TermRef::BlankNode(oxrdf::BlankNodeRef::new_unchecked(name));
        *blanks.entry(name).or_insert_with(|| self.terms.put(node()))
    }

    /// Notes that a term occurs in an entry.
    fn note(&mut self, term: TermId, entry: u32) {
        let place = &mut self.places[term.0 as usize];
        if *place == NOWHERE {
            *place = entry;
        } else if *place & IS_LIST == 0 && *place != entry {
            let mut list = vec![*place, entry];
            list.sort_unstable();
            *place = IS_LIST | u32::try_from(self.lists.len()).unwrap_or(u32::MAX);
            self.lists.push(list);
            self.listed += 2;
        } else if *place & IS_LIST != 0 {
            let list = &mut self.lists[(*place & !IS_LIST) as usize];
            // Entries come in order, but what is withdrawn may be old.
            if list.last().is_some_and(|last| *last < entry) {
                list.push(entry);
                self.listed += 1;
            } else if let Err(at) = list.binary_search(&entry) {
                list.insert(at, entry);
                self.listed += 1;
            }
        }
    }

    /// Every entry.
    fn all(&self) -> Range<u32> {
        0..u32::try_from(self.entries.len()).unwrap_or(u32::MAX)
    }

    /// The entries in which a term occurs; those that a word for a status fits are not
    /// among them.
    fn holding(&self, term: TermId) -> Either<Range<u32>, &[u32]> {
        match self.places.get(term.0 as usize).copied().unwrap_or(NOWHERE) {
            NOWHERE => Either::Left(0..0),
            place if place & IS_LIST != 0 => {
                Either::Right(&self.lists[(place & !IS_LIST) as usize])
            }
            entry => Either::Left(entry..entry + 1),
        }
    }

    /// The entries that may have what fits.
    fn candidates(&self, pattern: Pattern, place: In) -> Either<Range<u32>, &[u32]> {
        let graph = match place {
            In::Entry(name) => Some(name),
            In::Union | In::Each => None,
        };
        let [subject, predicate, object] = pattern;
        // Of these the status is not noted.
        let is_noted = |term: &TermId| !(STATUS.0..DEPRECATED.0).contains(&term.0);
        let predicate_is_noted = predicate.is_some_and(|predicate| is_noted(&predicate));
        let object = object.filter(|object| predicate_is_noted || is_noted(object));
        let bound = [graph, subject, predicate.filter(is_noted), object].into_iter().flatten();
        let best = bound.map(|term| self.holding(term)).min_by_key(|held| match held {
            Either::Left(range) => range.len(),
            Either::Right(list) => list.len(),
        });
        best.unwrap_or_else(|| Either::Left(self.all()))
    }

    /// What an entry says, and what the site says of it.
    fn facts_of(
        &self,
        entry: u32,
        now: Timestamp,
        only_status: bool,
    ) -> impl Iterator<Item = Fact> {
        let Entry { first, name, standing, valid } = self.entries[entry as usize];
        let end = self.entries.get(entry as usize + 1).map(|next| next.first as usize);
        let end = if only_status { first as usize } else { end.unwrap_or(self.facts.len()) };
        let said = &self.facts[first as usize..end];
        meter::step(said.len() as u64 + 1);
        let expired = standing == Status::Current && valid.is_some_and(|valid| valid < now);
        let status = if expired { Status::Expired } else { standing };
        let withdrawn = status == Status::Withdrawn;
        let withdrawn = withdrawn.then_some([name, DEPRECATED, WHY_WITHDRAWN]);
        said.iter().copied().chain([[name, STATUS, word(status)]]).chain(withdrawn)
    }

    /// True when no earlier entry says the same.
    fn is_first(&self, entry: u32, fact: Fact, now: Timestamp) -> bool {
        match self.holding(fact[0]) {
            Either::Left(_) => true,
            Either::Right(list) => {
                let mut earlier = list.iter().take_while(|other| **other < entry);
                !earlier.any(|other| self.facts_of(*other, now, false).any(|said| said == fact))
            }
        }
    }

    /// Everything that fits, each with the name of its entry.
    pub(super) fn matches(
        &self,
        pattern: Pattern,
        place: In,
        now: Timestamp,
    ) -> impl Iterator<Item = (Fact, TermId)> {
        let candidates = match self.candidates(pattern, place) {
            Either::Left(range) => Either::Left(range),
            Either::Right(list) => Either::Right(list.iter().copied()),
        };
        let only_status = pattern[1] == Some(STATUS);
        let fits = move |fact: &Fact| {
            fact.iter().zip(&pattern).all(|(term, wanted)| wanted.is_none_or(|it| it == *term))
        };
        candidates.flat_map(move |entry| {
            let name = self.entries[entry as usize].name;
            let is_there = match place {
                In::Entry(wanted) => wanted == name,
                In::Union | In::Each => true,
            };
            let facts = is_there.then(|| self.facts_of(entry, now, only_status));
            let fitting = facts.into_iter().flatten().filter(fits);
            let once =
                fitting.filter(move |fact| place != In::Union || self.is_first(entry, *fact, now));
            once.map(move |fact| (fact, name))
        })
    }

    /// The names of all entries, each once.
    pub(super) fn names(&self) -> impl Iterator<Item = TermId> {
        let is_first = |entry: &u32| {
            let name = self.entries[*entry as usize].name;
            let mut earlier = match self.holding(name) {
                Either::Left(_) => [].iter(),
                Either::Right(list) => list.iter(),
            };
            meter::step(1);
            !earlier.any(|other| other < entry && self.entries[*other as usize].name == name)
        };
        self.all().filter(is_first).map(|entry| self.entries[entry as usize].name)
    }
}

#[cfg(test)]
impl Dataset {
    /// Every triple of every entry with its name.
    pub(super) fn every_entry(&self, now: Timestamp) -> Vec<(Vec<Fact>, TermId)> {
        let facts = |entry: u32| self.facts_of(entry, now, false).collect();
        self.all().map(|entry| (facts(entry), self.entries[entry as usize].name)).collect()
    }
}
