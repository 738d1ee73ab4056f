//! A query, from its text: what is not allowed is refused before anything is done.

use spargebra::{Query, SparqlParser};

use super::meter::Stopped;
use super::tree::Tree;

/// Longest text of a query, in octets: those of the field have some hundred.
pub const MAX_QUERY_BYTES: usize = 16 * 1024;

/// Brackets that a query may open: each may be inside the one before.
const MAX_OPENED: usize = 256;

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It asks for what is not done here.
    #[error("query not allowed. {0}")]
    NotAllowed(String),
    /// It is no query.
    #[error("unable to parse query: {0}")]
    Syntax(String),
    /// It went too far.
    #[error("query stopped: {0}")]
    Stopped(#[from] Stopped),
    /// The engine cannot do it.
    #[error("query failed: {0}")]
    Engine(String),
}

pub(super) fn not_allowed(why: &str) -> Fault {
    let mut why = why.to_owned();
    if let Some(first) = why.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Fault::NotAllowed(why)
}

/// A query that may be answered.
#[derive(Debug)]
pub struct Question {
    pub(super) query: Query,
    /// What a term in a row counts, in octets.
    pub(super) price: usize,
    pub(super) keeps_texts: bool,
}

impl Question {
    /// Reads a query. Deep trees need a deep stack: see [`super::with_deep_stack`].
    ///
    /// # Errors
    /// When it is none, or not allowed: only SELECT and ASK are, over the whole catalogue.
    pub fn read(text: &str) -> Result<Question, Fault> {
        if text.len() > MAX_QUERY_BYTES {
            return Err(not_allowed(&format!("it has more than {MAX_QUERY_BYTES} bytes")));
        }
        let opened = text.bytes().filter(|octet| matches!(octet, b'(' | b'{' | b'[')).count();
        if opened > MAX_OPENED {
            return Err(not_allowed(&format!("it opens more than {MAX_OPENED} brackets")));
        }
        let mut query = SparqlParser::new().parse_query(text).map_err(|error| {
            match SparqlParser::new().parse_update(text) {
                Ok(update) if !update.operations.is_empty() => {
                    not_allowed("nothing is changed by queries")
                }
                _ => Fault::Syntax(error.to_string()),
            }
        })?;
        let (Query::Select { dataset, pattern, .. } | Query::Ask { dataset, pattern, .. }) =
            &mut query
        else {
            return Err(not_allowed("only SELECT and ASK are answered"));
        };
        if dataset.is_some() {
            return Err(not_allowed("FROM and FROM NAMED are not taken"));
        }
        let tree = Tree::read(pattern)?;
        let (price, keeps_texts) = (tree.price(), tree.keeps_texts);
        Ok(Question { query, price, keeps_texts })
    }
}
