//! Every term once, in one long text, by a number.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use oxrdf::{BlankNode, Literal, NamedNode, Term, TermRef};
use spareval::ExpressionTerm;

/// The number of a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TermId(pub(super) u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Iri,
    /// A node without a name; its text is empty.
    Blank,
    /// A literal that is nothing but a text.
    Text,
    /// A literal in a language: the language, [`BETWEEN`], the text.
    InLanguage,
    /// A literal of another type: the type, [`BETWEEN`], the text.
    Typed,
}

/// Between the two parts of a text: no XML document has it in one.
const BETWEEN: char = '\0';

/// What the names of nodes without a name begin with in results.
const BLANK_NAME: char = 'n';

/// The terms of a graph.
#[derive(Debug, Default)]
pub(super) struct Terms {
    texts: String,
    /// Where the text of each term ends.
    ends: Vec<u32>,
    kinds: Vec<Kind>,
    by_text: HashTable<TermId>,
    hasher: RandomState,
}

impl Terms {
    /// A term as it is looked for; none when it can be none of these.
    fn key(term: TermRef<'_>) -> Option<(Kind, String)> {
        let two = |before: &str, text: &str| format!("{before}{BETWEEN}{text}");
        match term {
            TermRef::NamedNode(node) => Some((Kind::Iri, node.as_str().to_owned())),
            TermRef::BlankNode(_) => None,
            TermRef::Literal(literal) => Some(if let Some(language) = literal.language() {
                (Kind::InLanguage, two(language, literal.value()))
            } else if literal.datatype() == oxrdf::vocab::xsd::STRING {
                (Kind::Text, literal.value().to_owned())
            } else {
                (Kind::Typed, two(literal.datatype().as_str(), literal.value()))
            }),
        }
    }

    fn find_key(&self, kind: Kind, text: &str) -> Option<TermId> {
        let is_it = |id: &TermId| self.kind(*id) == kind && self.text(*id) == text;
        self.by_text.find(self.hasher.hash_one(text), is_it).copied()
    }

    /// The number of a term, when it is here.
    pub(super) fn find(&self, term: TermRef<'_>) -> Option<TermId> {
        if let TermRef::BlankNode(node) = term {
            let number = node.as_str().strip_prefix(BLANK_NAME)?.parse().ok()?;
            let is_blank = self.kinds.get(number as usize) == Some(&Kind::Blank);
            return is_blank.then_some(TermId(number));
        }
        let (kind, text) = Terms::key(term)?;
        self.find_key(kind, &text)
    }

    /// The number of a term, which is taken in when it is not here. A node without a name
    /// gets a new one.
    pub(super) fn put(&mut self, term: TermRef<'_>) -> TermId {
        let Some((kind, text)) = Terms::key(term) else { return self.push(Kind::Blank, "") };
        if let Some(found) = self.find_key(kind, &text) {
            return found;
        }
        let id = self.push(kind, &text);
        let Terms { texts, ends, by_text, hasher, .. } = self;
        let hash = |id: &TermId| hasher.hash_one(part(texts, ends, *id));
        by_text.insert_unique(hash(&id), id, hash);
        id
    }

    fn push(&mut self, kind: Kind, text: &str) -> TermId {
        let id = TermId(self.len());
        self.texts.push_str(text);
        // A graph ends long before its texts have four gigabytes.
        self.ends.push(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
        self.kinds.push(kind);
        id
    }

    /// How many terms there are.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.ends.len()).unwrap_or(u32::MAX)
    }

    /// Octets of memory.
    pub(super) fn bytes(&self) -> usize {
        self.texts.capacity()
            + self.ends.capacity() * size_of::<u32>()
            + self.kinds.capacity()
            + self.by_text.capacity() * (size_of::<TermId>() + 1)
    }

    fn kind(&self, id: TermId) -> Kind {
        self.kinds[id.0 as usize]
    }

    fn text(&self, id: TermId) -> &str {
        part(&self.texts, &self.ends, id)
    }

    /// How long the text of a term is.
    pub(super) fn length(&self, id: TermId) -> usize {
        self.text(id).len()
    }

    /// The term itself.
    pub(super) fn term(&self, id: TermId) -> Term {
        let text = self.text(id);
        let two = || text.split_once(BETWEEN).unwrap_or_default();
        match self.kind(id) {
            Kind::Iri => NamedNode::new_unchecked(text).into(),
            Kind::Blank => BlankNode::new_unchecked(format!("{BLANK_NAME}{}", id.0)).into(),
            Kind::Text => Literal::new_simple_literal(text).into(),
            Kind::InLanguage => {
                let (language, text) = two();
                Literal::new_language_tagged_literal_unchecked(text, language).into()
            }
            Kind::Typed => {
                let (datatype, text) = two();
                Literal::new_typed_literal(text, NamedNode::new_unchecked(datatype)).into()
            }
        }
    }

    /// The term as expressions take it.
    pub(super) fn value(&self, id: TermId) -> ExpressionTerm {
        match self.kind(id) {
            Kind::Text => ExpressionTerm::StringLiteral(self.text(id).to_owned()),
            _ => self.term(id).into(),
        }
    }
}

fn part<'a>(texts: &'a str, ends: &[u32], id: TermId) -> &'a str {
    let at = id.0 as usize;
    let start = at.checked_sub(1).map_or(0, |before| ends[before] as usize);
    &texts[start..ends[at] as usize]
}
