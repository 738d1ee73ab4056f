//! The catalogue as graphs, and SPARQL over them.
//!
//! Each entry is a graph under its own name, `http://mp.stratuslab.eu/#ID/EMAIL/CREATED`;
//! the default graph is all of them together, as the original had it. What the site says of
//! an entry is in its graph under `urn:suq:terms:1#status`.
//!
//! Architecture invariant: the only place that names the crates of Oxigraph. Everything
//! here can be made again from the store.

mod answer;
mod dataset;
mod document;
mod growth;
mod meter;
mod question;
mod rdf_json;
mod terms;
mod tree;
mod view;

#[cfg(test)]
mod tests;

pub use answer::{Answer, Form, with_deep_stack};
pub use dataset::{Dataset, MAX_BYTES};
pub use meter::{Bounds, Stopped};
pub use question::{Fault, MAX_QUERY_BYTES, Question};
pub use rdf_json::rdf_json;
