//! The site's judgement: which images may enter and be used here.
//!
//! Pure: a policy is parsed from text, and [`Policy::judge`] looks only at its
//! arguments. A policy that cannot be read refuses everything.

mod admitted;
mod error;
mod freshness;
mod judge;
mod mirror;
mod parse;
mod rules;
mod verdict;

pub use admitted::Admitted;
pub use error::PolicyError;
pub use rules::{Legacy, Policy, Require, Warning};
pub use verdict::{Context, Entries, Outcome, Purpose, Source, Step, Verdict};
