//! The dataset as the engine sees it.

use std::convert::Infallible;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use oxrdf::Term;
use spareval::{ExpressionTerm, InternalQuad, QueryableDataset};

use super::dataset::{Dataset, In, Pattern};
use super::meter::{self, Stopped};
use super::terms::TermId;
use super::tree::MAX_VALUE_BYTES;
use crate::model::Timestamp;

/// A dataset at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) dataset: &'a Dataset,
    pub(super) now: Timestamp,
}

/// A term in a row of the engine. Every copy of it counts, for as long as it is there.
pub(super) struct Node(Kind);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Kind {
    /// A term of the dataset.
    Known(TermId),
    /// Any other: one from the query, or one that it made.
    Made(Rc<Made>),
}

#[derive(PartialEq, Eq, Hash)]
struct Made(Term);

impl Node {
    fn new(kind: Kind) -> Node {
        meter::hold_term();
        Node(kind)
    }

    fn known(id: TermId) -> Node {
        Node::new(Kind::Known(id))
    }
}

impl Clone for Node {
    fn clone(&self) -> Node {
        Node::new(self.0.clone())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        meter::release_term();
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Node) -> bool {
        self.0 == other.0
    }
}

impl Eq for Node {}

impl Hash for Node {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

fn length(term: &Term) -> usize {
    match term {
        Term::NamedNode(node) => node.as_str().len(),
        Term::BlankNode(node) => node.as_str().len(),
        Term::Literal(literal) => literal.value().len() + literal.datatype().as_str().len(),
    }
}

impl Made {
    fn new(term: Term) -> Made {
        let bytes = length(&term);
        if bytes > MAX_VALUE_BYTES {
            meter::stop(Stopped::Text);
        }
        meter::hold(bytes + size_of::<Term>());
        Made(term)
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        meter::release(length(&self.0) + size_of::<Term>());
    }
}

/// A text that is too long to be computed with. Where it occurs, the expression has no
/// value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text has more than {MAX_VALUE_BYTES} bytes")]
pub(super) struct TooLong;

impl From<Infallible> for TooLong {
    fn from(never: Infallible) -> TooLong {
        match never {}
    }
}

/// None when a term is in no triple.
fn id(node: &Node) -> Option<TermId> {
    match node.0 {
        Kind::Known(id) => Some(id),
        Kind::Made(_) => None,
    }
}

impl<'a> View<'a> {
    /// What is looked for; none when nothing can fit.
    fn wanted(terms: [Option<&Node>; 3], graph: Option<Option<&Node>>) -> Option<(Pattern, In)> {
        let mut pattern: Pattern = [None; 3];
        for (wanted, term) in pattern.iter_mut().zip(terms) {
            *wanted = term.map(|term| id(term).ok_or(())).transpose().ok()?;
        }
        let place = match graph {
            None => In::Each,
            Some(None) => In::Union,
            Some(Some(name)) => In::Entry(id(name)?),
        };
        Some((pattern, place))
    }
}

impl<'a> QueryableDataset<'a> for View<'a> {
    type InternalTerm = Node;
    type Error = TooLong;

    fn internal_quads_for_pattern(
        &self,
        subject: Option<&Node>,
        predicate: Option<&Node>,
        object: Option<&Node>,
        graph_name: Option<Option<&Node>>,
    ) -> impl Iterator<Item = Result<InternalQuad<Node>, TooLong>> + use<'a> {
        let View { dataset, now } = *self;
        meter::step(1);
        let wanted = View::wanted([subject, predicate, object], graph_name);
        let found = wanted.into_iter().flat_map(move |(pattern, place)| {
            let found = dataset.matches(pattern, place, now);
            found.map(move |found| (found, place))
        });
        found.map(|(([subject, predicate, object], name), place)| {
            Ok(InternalQuad {
                subject: Node::known(subject),
                predicate: Node::known(predicate),
                object: Node::known(object),
                graph_name: (place != In::Union).then(|| Node::known(name)),
            })
        })
    }

    fn internal_named_graphs(&self) -> impl Iterator<Item = Result<Node, TooLong>> + use<'a> {
        let dataset = self.dataset;
        dataset.names().map(|name| Ok(Node::known(name)))
    }

    fn contains_internal_graph_name(&self, graph_name: &Node) -> Result<bool, TooLong> {
        let Some(name) = id(graph_name) else { return Ok(false) };
        Ok(self.dataset.matches([None; 3], In::Entry(name), self.now).next().is_some())
    }

    fn internalize_term(&self, term: Term) -> Result<Node, TooLong> {
        Ok(match self.dataset.terms.find(term.as_ref()) {
            Some(id) => Node::known(id),
            None => Node::new(Kind::Made(Rc::new(Made::new(term)))),
        })
    }

    fn externalize_term(&self, term: Node) -> Result<Term, TooLong> {
        Ok(match &term.0 {
            Kind::Known(id) => self.dataset.terms.term(*id),
            Kind::Made(made) => made.0.clone(),
        })
    }

    fn externalize_expression_term(&self, term: Node) -> Result<ExpressionTerm, TooLong> {
        match &term.0 {
            Kind::Known(id) => {
                let bytes = self.dataset.terms.length(*id);
                meter::hand_out(bytes);
                if bytes > MAX_VALUE_BYTES {
                    return Err(TooLong);
                }
                Ok(self.dataset.terms.value(*id))
            }
            Kind::Made(made) => {
                meter::hand_out(length(&made.0));
                Ok(made.0.clone().into())
            }
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Known(id) => id.fmt(f),
            Kind::Made(made) => made.0.fmt(f),
        }
    }
}
