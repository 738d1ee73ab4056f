//! Digests of images and documents, and the checksums a manifest lists.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Serialize};

use super::text::byte_form;

/// Text that is not the digest it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {name} digest: {expected} hexadecimal digits are needed")]
pub struct BadDigest {
    text: String,
    name: &'static str,
    expected: usize,
}

macro_rules! digest {
    ($type:ident, $length:literal, $name:literal) => {
        #[doc = concat!("A ", $name, " digest, written as lower-case hex.")]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type([u8; $length]);

        impl $type {
            /// The digest with these bytes.
            pub const fn from_bytes(bytes: [u8; $length]) -> Self {
                $type(bytes)
            }

            /// The bytes of the digest.
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&HEXLOWER.encode(&self.0))
            }
        }

        impl FromStr for $type {
            type Err = BadDigest;

            fn from_str(text: &str) -> Result<Self, BadDigest> {
                HEXLOWER_PERMISSIVE
                    .decode(text.as_bytes())
                    .ok()
                    .and_then(|bytes| bytes.try_into().ok())
                    .map($type)
                    .ok_or_else(|| BadDigest {
                        text: text.chars().take(200).collect(),
                        name: $name,
                        expected: $length * 2,
                    })
            }
        }

        byte_form!($type, $length);
    };
}

digest!(Sha1, 20, "SHA-1");
digest!(Sha256, 32, "SHA-256");
digest!(Sha512, 64, "SHA-512");

impl Sha256 {
    /// The SHA-256 of these octets.
    pub fn of(octets: &[u8]) -> Sha256 {
        use sha2::Digest;
        Sha256(sha2::Sha256::digest(octets).into())
    }
}

/// A checksum algorithm that a manifest may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// MD5, 128 bits. Expected by the field, worthless alone.
    #[serde(rename = "MD5")]
    Md5,
    /// SHA-1, 160 bits. Names the image.
    #[serde(rename = "SHA-1")]
    Sha1,
    /// SHA-256.
    #[serde(rename = "SHA-256")]
    Sha256,
    /// SHA-512. Names the blob.
    #[serde(rename = "SHA-512")]
    Sha512,
}

impl Algorithm {
    /// Every algorithm, in the order that manifests list them.
    pub const ALL: [Algorithm; 4] =
        [Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];

    /// The name used in manifests.
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha1 => "SHA-1",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha512 => "SHA-512",
        }
    }

    /// Length of the digest in bytes.
    pub const fn digest_bytes(self) -> usize {
        match self {
            Algorithm::Md5 => 16,
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 => 32,
            Algorithm::Sha512 => 64,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = ();

    fn from_str(text: &str) -> Result<Algorithm, ()> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == text).ok_or(())
    }
}

/// One checksum: an algorithm and lower-case hex of the right length.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Checksum {
    algorithm: Algorithm,
    value: String,
}

impl Checksum {
    /// A checksum from hex digits of either case.
    pub fn new(algorithm: Algorithm, hex: &str) -> Result<Checksum, BadDigest> {
        match HEXLOWER_PERMISSIVE.decode(hex.as_bytes()) {
            Ok(bytes) if bytes.len() == algorithm.digest_bytes() => {
                Ok(Checksum { algorithm, value: HEXLOWER.encode(&bytes) })
            }
            _ => Err(BadDigest {
                text: hex.chars().take(200).collect(),
                name: algorithm.name(),
                expected: algorithm.digest_bytes() * 2,
            }),
        }
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Lower-case hex.
    pub fn value(&self) -> &str {
        &self.value
    }
}

/// The checksums of one image, at most one value for each algorithm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksums(BTreeMap<Algorithm, String>);

impl Checksums {
    /// Adds a checksum; gives back the earlier value for its algorithm, if any.
    pub fn insert(&mut self, checksum: Checksum) -> Option<String> {
        self.0.insert(checksum.algorithm, checksum.value)
    }

    /// The lower-case hex for an algorithm.
    pub fn value(&self, algorithm: Algorithm) -> Option<&str> {
        self.0.get(&algorithm).map(String::as_str)
    }

    /// The SHA-1, when listed.
    pub fn sha1(&self) -> Option<Sha1> {
        self.value(Algorithm::Sha1)?.parse().ok()
    }

    /// The SHA-512, when listed.
    pub fn sha512(&self) -> Option<Sha512> {
        self.value(Algorithm::Sha512)?.parse().ok()
    }

    /// Each algorithm with its lower-case hex, in the order of [`Algorithm::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Algorithm, &str)> {
        self.0.iter().map(|(algorithm, value)| (*algorithm, value.as_str()))
    }

    /// How many algorithms are listed.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True when no checksum is listed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Checksum> for Checksums {
    fn from_iter<I: IntoIterator<Item = Checksum>>(checksums: I) -> Checksums {
        Checksums(checksums.into_iter().map(|c| (c.algorithm, c.value)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_either_case_and_writes_lower_case() {
        let digest: Sha1 = "C319BBD5AFC0A22BA3EAED0507C39383EC28EEFF".parse().unwrap();
        assert_eq!(digest.to_string(), "c319bbd5afc0a22ba3eaed0507c39383ec28eeff");
    }

    #[test]
    fn a_digest_of_the_wrong_length_or_alphabet_is_refused() {
        for text in ["", "c319", "c319bbd5afc0a22ba3eaed0507c39383ec28eefg"] {
            let error = text.parse::<Sha1>().unwrap_err().to_string();
            assert!(error.contains("40 hexadecimal digits"), "{error}");
        }
    }
}
