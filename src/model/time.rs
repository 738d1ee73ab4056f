//! Points in time, as documents write them and the engine counts them.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::civil;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds since 1970-01-01T00:00:00Z.
///
/// Documents hold whole seconds, written `yyyy-MM-ddThh:mm:ssZ`, and so does
/// JSON; the engine and CBOR use the milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The last second that documents can write: 9999-12-31T23:59:59Z.
    pub const MAX: Timestamp = Timestamp(253_402_300_799_000);

    /// The point this many milliseconds after 1970.
    pub const fn from_millis(millis: i64) -> Timestamp {
        Timestamp(millis)
    }

    /// The point this many seconds after 1970.
    pub const fn from_seconds(seconds: i64) -> Timestamp {
        Timestamp(seconds.saturating_mul(1000))
    }

    /// Milliseconds since 1970.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The same point without its fraction of a second, as documents write it.
    pub const fn whole_seconds(self) -> Timestamp {
        Timestamp::from_seconds(self.seconds())
    }

    /// This point and a duration later.
    pub fn plus(self, duration: Duration) -> Timestamp {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Timestamp(self.0.saturating_add(millis))
    }

    /// This point and a duration earlier.
    pub fn minus(self, duration: Duration) -> Timestamp {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Timestamp(self.0.saturating_sub(millis))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Timestamp {
        let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Timestamp(millis(after)),
            Err(before) => Timestamp(-millis(before.duration())),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // jiff's own range ends some hours before the year 9999 does.
        const DAY: i64 = 86_400;
        let (day, second) = (self.seconds().div_euclid(DAY), self.seconds().rem_euclid(DAY));
        let days = jiff::Span::new().try_days(day);
        match days.and_then(|days| civil::date(1970, 1, 1).checked_add(days)) {
            Ok(date) => {
                let (hour, minute) = (second / 3600, second / 60 % 60);
                write!(f, "{date}T{hour:02}:{minute:02}:{:02}Z", second % 60)
            }
            Err(_) => write!(f, "{} ms after 1970", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}+{}ms", self.0.rem_euclid(1000))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Timestamp)
        }
    }
}

/// Text that is not a date as manifests write them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a date of the form yyyy-MM-ddThh:mm:ssZ (UTC, a day that exists)")]
pub struct BadTimestamp {
    text: String,
}

impl FromStr for Timestamp {
    type Err = BadTimestamp;

    fn from_str(text: &str) -> Result<Timestamp, BadTimestamp> {
        parse(text).ok_or_else(|| BadTimestamp { text: text.chars().take(80).collect() })
    }
}

/// Reads exactly `yyyy-MM-ddThh:mm:ssZ`.
fn parse(text: &str) -> Option<Timestamp> {
    const SHAPE: &[u8; 20] = b"0000-00-00T00:00:00Z";
    let bytes: &[u8; 20] = text.as_bytes().try_into().ok()?;
    let fits = bytes.iter().zip(SHAPE).all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        fixed => byte == fixed,
    });
    if !fits {
        return None;
    }
    let number = |from: usize, to: usize| text[from..to].parse::<i16>().ok();
    let small = |from: usize| text[from..from + 2].parse::<i8>().ok();
    let date = civil::Date::new(number(0, 4)?, small(5)?, small(8)?).ok()?;
    let time = civil::Time::new(small(11)?, small(14)?, small(17)?, 0).ok()?;
    let days = date.since(civil::date(1970, 1, 1)).ok()?.get_days();
    let second = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60;
    Some(Timestamp::from_seconds(i64::from(days) * 86_400 + second + i64::from(time.second())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_survive_the_round_trip() {
        for text in ["2011-01-24T09:59:42Z", "2012-02-29T23:59:59Z", "1970-01-01T00:00:00Z"] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn only_real_dates_in_the_one_form_are_read() {
        let bad = [
            "2011-01-24T99:59:42Z",
            "2011-02-29T00:00:00Z",
            "2011-01-24T09:59:60Z",
            "2011-01-24 09:59:42Z",
            "2011-01-24T09:59:42",
            "2011-01-24T09:59:42+00:00",
            "2011-1-24T09:59:42Z",
            "+011-01-24T09:59:42Z",
            "２011-01-24T09:59Z",
            "",
        ];
        for text in bad {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }
}
