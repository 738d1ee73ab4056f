//! Membership of a closed federation: who belongs to it, said and signed by members.
//!
//! The founders are named in the federation's tickets. A founder is a member; so is
//! every peer that a member's valid [`Statement`] lets in. Who issued a statement, or
//! a founder, can take it back. Statements travel like manifests do: no server is
//! asked.
//!
//! Pure: the signatures are Ed25519 (RFC 8032) by the keys that name the nodes.

mod roll;
mod statement;

pub use roll::{MAX_CHAIN, MAX_STATEMENTS, Roll, Taken};
pub use statement::{BadMembership, MAX_SPAN, Membership, Proven, Statement};
