//! Amounts as people write them: `200 GB`, `30 days`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

/// Text that is not an amount of bytes or of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}")]
pub struct BadAmount {
    text: String,
    what: &'static str,
}

/// An amount of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Size(pub u64);

/// A span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// Units of bytes with how many each is; those of one letter as in `policy.cfg`.
const SIZES: [(&str, u64); 15] = [
    ("", 1),
    ("B", 1),
    ("kB", 1000),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("K", 1 << 10),
    ("KiB", 1 << 10),
    ("M", 1 << 20),
    ("MiB", 1 << 20),
    ("G", 1 << 30),
    ("GiB", 1 << 30),
    ("T", 1 << 40),
    ("TiB", 1 << 40),
];

/// Units of time with how many seconds each is.
const SPANS: [(&str, u64); 16] = [
    ("", 1),
    ("s", 1),
    ("second", 1),
    ("seconds", 1),
    ("m", 60),
    ("min", 60),
    ("minute", 60),
    ("minutes", 60),
    ("h", 3600),
    ("hour", 3600),
    ("hours", 3600),
    ("d", 86_400),
    ("day", 86_400),
    ("days", 86_400),
    ("week", 7 * 86_400),
    ("weeks", 7 * 86_400),
];

/// A whole number and one of these units.
fn amount(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let (_, each) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    digits.parse::<u64>().ok()?.checked_mul(*each)
}

fn bad(text: &str, what: &'static str) -> BadAmount {
    BadAmount { text: text.chars().take(80).collect(), what }
}

impl FromStr for Size {
    type Err = BadAmount;

    fn from_str(text: &str) -> Result<Size, BadAmount> {
        let what = "an amount of bytes like 500 MB, 200 GB or 2 TiB";
        amount(text, &SIZES).map(Size).ok_or_else(|| bad(text, what))
    }
}

impl FromStr for Span {
    type Err = BadAmount;

    fn from_str(text: &str) -> Result<Span, BadAmount> {
        let seconds = amount(text, &SPANS).map(Duration::from_secs);
        seconds.map(Span).ok_or_else(|| bad(text, "a time like 30 days, 12 h or 90 s"))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, each) = SIZES[2..7]
            .iter()
            .rev()
            .find(|(_, each)| self.0 > 0 && self.0.is_multiple_of(*each))
            .copied()
            .unwrap_or(("bytes", 1));
        write!(f, "{} {unit}", self.0 / each)
    }
}

/// A number of the smallest unit, or text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u64),
    Text(String),
}

impl Written {
    fn text(self) -> String {
        match self {
            Written::Number(number) => number.to_string(),
            Written::Text(text) => text,
        }
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Size, D::Error> {
        let text = Written::deserialize(deserializer)?.text();
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        let text = Written::deserialize(deserializer)?.text();
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// An amount, or a word for none of it.
pub fn none_or<'de, D, T>(word: &str, deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err = BadAmount>,
{
    match Written::deserialize(deserializer)?.text() {
        text if text == word => Ok(None),
        text => text.parse().map(Some).map_err(serde::de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("200 GB", 200_000_000_000),
            ("200GB", 200_000_000_000),
            ("1 TiB", 1 << 40),
            ("50G", 50 << 30),
        ] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for wrong in ["", "GB", "-1", "1.5 GB", "20 gb", "20 GB a day", "99999999 TiB"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
        assert_eq!(Size(200_000_000_000).to_string(), "200 GB");
        assert_eq!(Size(1025).to_string(), "1025 bytes");
    }

    #[test]
    fn spans_are_read_as_people_write_them() {
        for (text, seconds) in [("90 s", 90), ("7d", 604_800), ("30 days", 2_592_000), ("5", 5)] {
            assert_eq!(text.parse(), Ok(Span(Duration::from_secs(seconds))), "{text}");
        }
        assert!("a month".parse::<Span>().is_err());
    }
}
