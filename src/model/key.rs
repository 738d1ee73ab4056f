//! The key of an entry.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Email, Identifier, Timestamp};

/// Names one entry of the catalogue: which image, who endorsed it, when.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntryKey {
    /// The image.
    pub identifier: Identifier,
    /// The endorser.
    pub email: Email,
    /// When it was endorsed (`dcterms:created` of the endorsement), in whole seconds.
    pub created: Timestamp,
}

impl fmt::Display for EntryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.identifier, self.email, self.created)
    }
}
