//! The site's judgement: which images may enter and be used here.
//!
//! Pure: a policy is parsed from text, and [`Policy::judge`] looks only at its
//! arguments.

mod admitted;
mod verdict;

pub use admitted::Admitted;
pub use verdict::{Context, Outcome, Purpose, Source, Step, Verdict};
