//! The address that names an endorser.

use std::fmt;
use std::str::FromStr;

use super::text::text_form;

/// Longest address accepted, in bytes (RFC 5321 §4.5.3.1.3 gives a path 256 with its brackets).
const MAX_BYTES: usize = 254;

/// An endorser's address: `[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+`, as the StratusLab schema has it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

impl Email {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text that is not an email address of the kind endorsers have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not an email address: letters, digits and `._%+-`, then `@`, then a domain are needed"
)]
pub struct BadEmail {
    text: String,
}

impl FromStr for Email {
    type Err = BadEmail;

    fn from_str(text: &str) -> Result<Email, BadEmail> {
        let bad = || BadEmail { text: text.chars().take(MAX_BYTES).collect() };
        let (local, domain) = text.split_once('@').ok_or_else(bad)?;
        let local_ok = |c: char| c.is_ascii_alphanumeric() || "._%+-".contains(c);
        let domain_ok = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
        let fits = text.len() <= MAX_BYTES && !local.is_empty() && !domain.is_empty();
        if fits && local.chars().all(local_ok) && domain.chars().all(domain_ok) {
            Ok(Email(text.to_owned()))
        } else {
            Err(bad())
        }
    }
}

text_form!(Email);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_pattern_holds() {
        for good in ["a@b", "jane.tester@example.org", "a_b%c+d-e@x-y.z"] {
            assert!(good.parse::<Email>().is_ok(), "{good}");
        }
        for bad in ["", "a", "@b", "a@", "a b@c", "a@b@c", "a@b_c", "é@b", "a@b\n"] {
            assert!(bad.parse::<Email>().is_err(), "{bad}");
        }
    }
}
