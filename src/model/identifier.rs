//! The 27-character name of an image.

use std::fmt;
use std::str::FromStr;

use super::Sha1;
use super::text::text_form;

/// The 64 digits by value: the base64url alphabet of RFC 4648 §5.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Two zero bits on top of 160 make 27 digits of 6 bits.
const LENGTH: usize = 27;

/// The name of an image: its SHA-1 as a big-endian integer in 27 base64url
/// digits, most significant first.
///
/// This is not RFC 4648 base64 of the 20 bytes, which pads at the end: here the
/// padding is on top, so the first digit is always `A`..`P`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier(Sha1);

impl Identifier {
    /// The identifier of the image with this SHA-1.
    pub const fn from_sha1(sha1: Sha1) -> Identifier {
        Identifier(sha1)
    }

    /// The SHA-1 that the identifier spells.
    pub const fn sha1(&self) -> Sha1 {
        self.0
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0u8; LENGTH];
        let (mut bits, mut count, mut next) = (0u32, 2u32, 0);
        for byte in self.0.as_bytes() {
            bits = (bits << 8) | u32::from(*byte);
            count += 8;
            while count >= 6 {
                count -= 6;
                digits[next] = DIGITS[((bits >> count) & 63) as usize];
                next += 1;
            }
        }
        digits.iter().try_for_each(|digit| fmt::Write::write_char(f, char::from(*digit)))
    }
}

/// Text that is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadIdentifier {
    /// Not 27 characters.
    #[error("`{text}` is not an image identifier: it has {length} characters instead of 27")]
    Length {
        /// The start of what was given.
        text: String,
        /// Its number of characters.
        length: usize,
    },
    /// A character outside the base64url alphabet.
    #[error("`{text}` is not an image identifier: `{found}` is not a letter, a digit, `-` or `_`")]
    Character {
        /// What was given.
        text: String,
        /// The first character that is not a digit.
        found: char,
    },
    /// The first character says more than 160 bits.
    #[error("`{text}` is not an image identifier: the first character must be A to P")]
    TooLarge {
        /// What was given.
        text: String,
    },
}

impl FromStr for Identifier {
    type Err = BadIdentifier;

    fn from_str(text: &str) -> Result<Identifier, BadIdentifier> {
        let length = text.chars().count();
        if length != LENGTH {
            return Err(BadIdentifier::Length { text: text.chars().take(200).collect(), length });
        }
        let mut bytes = [0u8; 20];
        let (mut bits, mut count, mut next) = (0u32, 0u32, 0);
        for (position, found) in text.chars().enumerate() {
            let value = DIGITS
                .iter()
                .position(|digit| char::from(*digit) == found)
                .ok_or_else(|| BadIdentifier::Character { text: text.to_owned(), found })?;
            if position == 0 && value >= 16 {
                return Err(BadIdentifier::TooLarge { text: text.to_owned() });
            }
            bits = (bits << 6) | value as u32;
            // The first digit carries only four bits of the SHA-1.
            count += if position == 0 { 4 } else { 6 };
            if count >= 8 {
                count -= 8;
                bytes[next] = (bits >> count) as u8;
                next += 1;
            }
        }
        Ok(Identifier(Sha1::from_bytes(bytes)))
    }
}

text_form!(Identifier);

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [(&str, &str); 3] = [
        ("c319bbd5afc0a22ba3eaed0507c39383ec28eeff", "MMZu9WvwKIro-rtBQfDk4PsKO7_"),
        ("b1f1118781941a2ab7b5d5add2207c6c985f2dd7", "LHxEYeBlBoqt7XVrdIgfGyYXy3X"),
        ("0000000000000000000000000000000000000001", "AAAAAAAAAAAAAAAAAAAAAAAAAAB"),
    ];

    #[test]
    fn known_pairs_hold_both_ways() {
        for (sha1, identifier) in KNOWN {
            let sha1: Sha1 = sha1.parse().unwrap();
            assert_eq!(Identifier::from_sha1(sha1).to_string(), identifier);
            assert_eq!(identifier.parse::<Identifier>().unwrap().sha1(), sha1);
        }
    }

    #[test]
    fn what_cannot_be_an_identifier_says_why() {
        let error = |text: &str| text.parse::<Identifier>().unwrap_err().to_string();
        assert!(error("GOaxJFdoEXvqAm9ArJgnZ0_GGG").contains("26 characters"));
        assert!(error("QAAAAAAAAAAAAAAAAAAAAAAAAAA").contains("A to P"));
        assert!(error("AAAAAAAAAAAAA+AAAAAAAAAAAAA").contains("`+`"));
        assert!(error("AAAAAAAAAAAAAéAAAAAAAAAAAAA").contains("`é`"));
    }

    proptest::proptest! {
        #[test]
        fn every_sha1_survives_the_round_trip(bytes: [u8; 20]) {
            let identifier = Identifier::from_sha1(Sha1::from_bytes(bytes));
            proptest::prop_assert_eq!(identifier.to_string().parse(), Ok(identifier));
        }
    }
}
