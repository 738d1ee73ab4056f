//! A policy file that cannot be read, and where.

use super::Source;
use crate::model::{IniOption, read_ini};

/// A policy file that cannot be read. It refuses everything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{source_line}: {fault}; until this is repaired, everything is refused")]
pub struct PolicyError {
    /// Where.
    pub source_line: Source,
    /// What is wrong.
    pub fault: String,
}

/// The options of a policy file; `file` names it in messages.
pub(super) fn options(file: &str, text: &str) -> Result<Vec<IniOption>, PolicyError> {
    read_ini(text).map_err(|bad| PolicyError {
        source_line: Source { file: file.to_owned(), line: bad.line },
        fault: bad.fault,
    })
}
