//! From a query to its answer.

use std::borrow::Cow;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use oxrdf::{Literal, Term};
use sparesults::{QueryResultsFormat, QueryResultsSerializer};
use spareval::{QueryEvaluationError, QueryEvaluator, QueryResults, QuerySolutionIter};

use super::dataset::Dataset;
use super::meter::{self, Bounds, Stopped};
use super::question::{Fault, Question};
use super::view::View;
use crate::manifest::xml::legal;
use crate::model::Timestamp;

/// Stack of a thread that reads and answers queries, in octets. The deepest tree that
/// [`super::MAX_QUERY_BYTES`] have room for needs a part of it; what is not used costs
/// nothing.
const STACK_BYTES: usize = 256 * 1024 * 1024;

/// The forms of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// SPARQL Query Results XML.
    Xml,
    /// SPARQL Query Results JSON.
    Json,
    /// SPARQL Query Results CSV.
    Csv,
    /// SPARQL Query Results TSV.
    Tsv,
    /// Texts, for a page.
    Table,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// In a form of its own.
    Octets(Vec<u8>),
    /// Variables, and rows of what they stand for.
    Table(Vec<String>, Vec<Vec<String>>),
}

/// Runs something on a thread with a deep stack, and waits for it.
///
/// # Errors
/// When the system has no thread.
pub fn with_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let named = thread::Builder::new().name("query".to_owned()).stack_size(STACK_BYTES);
        let thread = named.spawn_scoped(scope, work)?;
        thread.join().map_err(|_| io::Error::other("the thread of a query broke"))
    })
}

impl Question {
    /// Answers, within bounds. Whether an entry has expired is seen from `now`.
    ///
    /// # Errors
    /// When the bounds do not suffice, or the engine cannot.
    pub fn answer(
        &self,
        dataset: &Dataset,
        form: Form,
        now: Timestamp,
        bounds: &Bounds,
    ) -> Result<Answer, Fault> {
        meter::start(bounds, self.price, self.keeps_texts);
        let view = View { dataset, now };
        let answered = catch_unwind(AssertUnwindSafe(|| self.evaluate(view, form, bounds.answer)));
        answered.unwrap_or_else(|payload| match payload.downcast::<Stopped>() {
            Ok(stopped) => Err(Fault::Stopped(*stopped)),
            Err(_) => Err(Fault::Engine("the engine broke".to_owned())),
        })
    }

    fn evaluate(&self, view: View<'_>, form: Form, most: usize) -> Result<Answer, Fault> {
        let evaluator = QueryEvaluator::new();
        let results = evaluator.prepare(&self.query).execute(view).map_err(failed)?;
        let format = match form {
            Form::Xml => QueryResultsFormat::Xml,
            Form::Json => QueryResultsFormat::Json,
            Form::Csv => QueryResultsFormat::Csv,
            Form::Tsv => QueryResultsFormat::Tsv,
            Form::Table => return table(results, most),
        };
        let serializer = QueryResultsSerializer::from_format(format);
        let bounded = Bounded { octets: Vec::new(), most };
        let written = match results {
            QueryResults::Boolean(truth) => serializer.serialize_boolean_to_writer(bounded, truth),
            QueryResults::Solutions(rows) => {
                let variables = rows.variables().to_vec();
                let mut writer =
                    serializer.serialize_solutions_to_writer(bounded, variables).map_err(broken)?;
                for row in rows {
                    let row = row.map_err(failed)?;
                    let written = if form == Form::Xml {
                        let row = row.iter().map(|(name, term)| (name, in_xml(term)));
                        let row: Vec<_> = row.collect();
                        writer.serialize(row.iter().map(|(name, term)| (*name, &**term)))
                    } else {
                        writer.serialize(&row)
                    };
                    written.map_err(broken)?;
                }
                writer.finish()
            }
            QueryResults::Graph(_) => return Err(no_graph()),
        };
        Ok(Answer::Octets(written.map_err(broken)?.octets))
    }
}

/// A term that XML can hold. Queries can write characters that no document has, and the
/// serializer does not look at them.
fn in_xml(term: &Term) -> Cow<'_, Term> {
    let Term::Literal(literal) = term else { return Cow::Borrowed(term) };
    let Cow::Owned(value) = legal(literal.value()) else { return Cow::Borrowed(term) };
    let literal = match literal.language() {
        Some(language) => Literal::new_language_tagged_literal_unchecked(value, language),
        None => Literal::new_typed_literal(value, literal.datatype()),
    };
    Cow::Owned(literal.into())
}

fn table(results: QueryResults<'_>, most: usize) -> Result<Answer, Fault> {
    match results {
        QueryResults::Boolean(truth) => {
            Ok(Answer::Table(vec!["answer".to_owned()], vec![vec![truth.to_string()]]))
        }
        QueryResults::Solutions(rows) => {
            let variables = rows.variables().iter().map(|name| name.as_str().to_owned()).collect();
            Ok(Answer::Table(variables, texts(rows, most)?))
        }
        QueryResults::Graph(_) => Err(no_graph()),
    }
}

fn texts(rows: QuerySolutionIter<'_>, most: usize) -> Result<Vec<Vec<String>>, Fault> {
    let mut texts = Vec::new();
    let mut bytes = 0;
    for row in rows {
        let row = row.map_err(failed)?;
        let cells: Vec<String> = row.values().iter().map(|term| text(term.as_ref())).collect();
        bytes += cells.iter().map(|cell| cell.len() + size_of::<String>()).sum::<usize>();
        if bytes > most {
            meter::stop(Stopped::Answer);
        }
        texts.push(cells);
    }
    Ok(texts)
}

fn text(term: Option<&Term>) -> String {
    match term {
        None => String::new(),
        Some(Term::NamedNode(node)) => node.as_str().to_owned(),
        Some(Term::BlankNode(node)) => node.to_string(),
        Some(Term::Literal(literal)) => literal.value().to_owned(),
    }
}

fn failed(error: QueryEvaluationError) -> Fault {
    Fault::Engine(error.to_string())
}

fn broken(error: io::Error) -> Fault {
    Fault::Engine(error.to_string())
}

/// Only what CONSTRUCT and DESCRIBE give, and they are refused.
fn no_graph() -> Fault {
    Fault::Engine("the answer is a graph".to_owned())
}

/// Octets up to a number.
struct Bounded {
    octets: Vec<u8>,
    most: usize,
}

impl Write for Bounded {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if self.octets.len() + octets.len() > self.most {
            meter::stop(Stopped::Answer);
        }
        self.octets.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
