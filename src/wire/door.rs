//! The door of a closed federation: all that a stranger can say, and hear.

use serde::{Deserialize, Serialize};

use crate::membership::Membership;

/// Largest message at the door, in bytes: a chain and its envelope.
pub const MAX_DOOR_BYTES: usize = 16 * 1024;

/// Asks to be let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Knock {
    /// Why the one who knocks belongs here: a founder's statement first, at most
    /// [`crate::membership::MAX_CHAIN`].
    pub chain: Vec<Membership>,
}

/// Answers a [`Knock`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DoorAnswer {
    /// Connect again: the way is open. And why the one who answers belongs here.
    Welcome(Vec<Membership>),
    /// Not without a membership.
    Closed,
}
