//! The names people give images.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::{Identifier, Sha1, Sha512};

/// An image by its identifier, or by a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageName {
    /// By identifier, or by the SHA-1 it spells.
    Identifier(Identifier),
    /// By SHA-512.
    Sha512(Sha512),
}

/// Text that names no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` names no image: an identifier of 27 characters, a SHA-1 of 40 or a SHA-512 of 128 \
     hexadecimal digits is needed"
)]
pub struct BadImageName {
    text: String,
}

impl FromStr for ImageName {
    type Err = BadImageName;

    fn from_str(text: &str) -> Result<ImageName, BadImageName> {
        let name = text.strip_prefix('#').unwrap_or(text);
        let identifier = name.parse::<Identifier>().ok();
        let sha1 = || name.parse::<Sha1>().ok().map(Identifier::from_sha1);
        let sha512 = || name.parse::<Sha512>().ok().map(ImageName::Sha512);
        identifier
            .or_else(sha1)
            .map(ImageName::Identifier)
            .or_else(sha512)
            .ok_or_else(|| BadImageName { text: text.chars().take(140).collect() })
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImageName::Identifier(identifier) => write!(f, "{identifier}"),
            ImageName::Sha512(sha512) => write!(f, "{sha512}"),
        }
    }
}
