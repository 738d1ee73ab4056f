//! Bundles: a catalogue in one file, for sites without any network.
//!
//! A line that names the format, then frames: the length in four octets
//! (big-endian) and a message. What is inside proves itself, manifests by their
//! signatures and images by their checksums; only the end has to be seen.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use super::{DecodeError, ENVELOPE_BYTES, decode, encode};
use crate::model::Sha512;

/// The first line of a bundle.
const MAGIC: &[u8] = b"suq bundle 1\n";

/// Image bytes in one frame, in bytes.
pub const BUNDLE_DATA_BYTES: usize = 1024 * 1024;

/// One part of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BundleFrame {
    /// A signed manifest, byte for byte.
    Manifest(#[serde(with = "serde_bytes")] Vec<u8>),
    /// The image of the manifest before it; its bytes follow.
    Image {
        /// Its name in the store.
        sha512: Sha512,
        /// Its size.
        bytes: u64,
    },
    /// The next bytes of the image.
    Data(#[serde(with = "serde_bytes")] Vec<u8>),
    /// Nothing is missing.
    End {
        /// Manifests in the bundle.
        manifests: u64,
        /// Images in the bundle.
        images: u64,
    },
}

/// A bundle that cannot be read any further.
#[derive(Debug, thiserror::Error)]
pub enum BadBundle {
    /// Another kind of file.
    #[error("it is not a bundle of suq: it does not begin with `suq bundle 1`")]
    Format,
    /// It ends too early.
    #[error("it was cut: the end is missing")]
    Cut,
    /// A frame that no bundle has.
    #[error("a frame of {0} bytes; none has more than a MiB of data")]
    TooLong(usize),
    /// A frame that says nothing.
    #[error(transparent)]
    Frame(#[from] DecodeError),
    /// The system refused.
    #[error(transparent)]
    Io(io::Error),
}

impl From<io::Error> for BadBundle {
    fn from(error: io::Error) -> BadBundle {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => BadBundle::Cut,
            _ => BadBundle::Io(error),
        }
    }
}

/// Writes the first line.
pub fn begin_bundle(out: &mut impl Write) -> io::Result<()> {
    out.write_all(MAGIC)
}

/// Writes a frame.
pub fn write_frame(out: &mut impl Write, frame: &BundleFrame) -> io::Result<()> {
    let message = encode(frame);
    let length = u32::try_from(message.len()).map_err(io::Error::other)?;
    out.write_all(&length.to_be_bytes())?;
    out.write_all(&message)
}

/// Reads the first line.
pub fn open_bundle(input: &mut impl Read) -> Result<(), BadBundle> {
    let mut magic = [0; MAGIC.len()];
    let read = input.read_exact(&mut magic);
    if read.is_err() || magic != MAGIC { Err(BadBundle::Format) } else { Ok(()) }
}

/// Reads a frame.
pub fn read_frame(input: &mut impl Read) -> Result<BundleFrame, BadBundle> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > BUNDLE_DATA_BYTES + ENVELOPE_BYTES {
        return Err(BadBundle::TooLong(length));
    }
    let mut message = vec![0; length];
    input.read_exact(&mut message)?;
    Ok(decode(&message)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_that_was_cut_anywhere_is_noticed() {
        let frames = [
            BundleFrame::Manifest(b"<rdf:RDF/>".to_vec()),
            BundleFrame::Image { sha512: Sha512::from_bytes([1; 64]), bytes: 3 },
            BundleFrame::Data(b"abc".to_vec()),
            BundleFrame::End { manifests: 1, images: 1 },
        ];
        let mut file = Vec::new();
        begin_bundle(&mut file).unwrap();
        frames.iter().for_each(|frame| write_frame(&mut file, frame).unwrap());
        let read = |mut input: &[u8]| -> Result<Vec<BundleFrame>, BadBundle> {
            open_bundle(&mut input)?;
            let mut read = Vec::new();
            while !matches!(read.last(), Some(BundleFrame::End { .. })) {
                read.push(read_frame(&mut input)?);
            }
            Ok(read)
        };
        assert_eq!(read(&file).unwrap(), frames);
        for end in 0..file.len() {
            let error = read(&file[..end]).unwrap_err();
            assert!(matches!(error, BadBundle::Format | BadBundle::Cut), "{end}: {error}");
        }
        let long = [MAGIC, &[0xFF; 8]].concat();
        assert!(matches!(read(&long), Err(BadBundle::TooLong(_))));
    }
}
