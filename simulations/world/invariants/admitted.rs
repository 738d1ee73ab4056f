//! 1: admitted means verified, trusted, and allowed by the rules recorded with it.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use suq::engine::{Rules, Standing};
use suq::manifest::Trust;
use suq::model::ContentId;
use suq::policy::{Context, Purpose};

use super::super::disk::Kept;
use super::super::documents::LIBRARY;
use super::super::site::{Site, rules};

/// Everything that the sites of a simulation may go by.
static RULES: LazyLock<[Rules; 2]> = LazyLock::new(|| [rules(false), rules(true)]);

/// How far ahead of a site's clock an endorsement may be dated.
const AHEAD: Duration = Duration::from_secs(10 * 60);

pub fn check(site: &Site, id: &ContentId, kept: &Kept) -> Result<(), String> {
    if kept.standing != Standing::Admitted {
        return Ok(());
    }
    let number = site.number;
    let octets = kept.octets.as_ref().ok_or("an entry without its document")?;
    let verified = LIBRARY.verify(octets);
    let (verified, trust) =
        verified.map_err(|error| format!("site {number} admitted {id}: {error}"))?;
    if verified.content_id() != *id || matches!(trust, Trust::Untrusted { .. }) {
        return Err(format!("site {number} admitted {id} without proof"));
    }
    let of_digest = |rules: &&Rules| rules.digest() == kept.rules;
    let Some(rules) = RULES.iter().find(of_digest) else {
        return Err(format!("site {number} admitted {id} by rules that it never had"));
    };
    let now = kept.first_seen;
    let purpose = Purpose::Admission;
    let context = Context { now, trust: &trust, purpose, rules: kept.rules };
    if !Arc::clone(&rules.policy).judge(&verified, &context).is_allowed() {
        return Err(format!("site {number} admitted {id}, which the rules with it refuse"));
    }
    if kept.key.created > kept.first_seen.plus(AHEAD) {
        return Err(format!("site {number} admitted {id} before its time"));
    }
    Ok(())
}
