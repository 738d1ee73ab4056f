//! The number of a change of the catalogue.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The number of a change of this site's catalogue: later changes have greater numbers.
/// Each site counts its own.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ChangeNumber(u64);

impl ChangeNumber {
    /// Before the first change.
    pub const NONE: ChangeNumber = ChangeNumber(0);

    /// The change that was counted so.
    pub const fn new(number: u64) -> ChangeNumber {
        ChangeNumber(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number after this one.
    pub const fn next(self) -> ChangeNumber {
        ChangeNumber(self.0.saturating_add(1))
    }
}

impl fmt::Display for ChangeNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ChangeNumber {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<ChangeNumber, Self::Err> {
        text.parse().map(ChangeNumber)
    }
}
