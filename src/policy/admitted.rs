//! The proof that this site's policy allowed a document.

use super::{Context, Policy, Verdict};
use crate::manifest::Verified;

/// A verified document that the policy admitted: the only constructor is
/// [`Policy::admit`].
#[derive(Debug, Clone)]
pub struct Admitted {
    verified: Verified,
    verdict: Verdict,
}

impl Admitted {
    /// The document.
    pub fn verified(&self) -> &Verified {
        &self.verified
    }

    /// Why it was admitted.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }
}

impl Policy {
    /// Judges a document and, when every rule allows it, admits it.
    pub fn admit(&self, verified: Verified, context: &Context<'_>) -> Result<Admitted, Verdict> {
        let verdict = self.judge(&verified, context);
        if verdict.is_allowed() { Ok(Admitted { verified, verdict }) } else { Err(verdict) }
    }
}
