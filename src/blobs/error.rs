//! What can go wrong with blobs.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::Algorithm;

/// Why a blob could not be taken in or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The disk is full.
    #[error(
        "no space left for the image in {}: {needed} more bytes are needed, {available} are free; \
         what has arrived is kept, free some space and try again",
        folder.display()
    )]
    NoSpace {
        /// The folder of blobs.
        folder: PathBuf,
        /// Bytes that are still to come.
        needed: u64,
        /// Bytes that are free.
        available: u64,
    },
    /// Images would take more than the site gives them.
    #[error(
        "the image has {needed} bytes and the others take {used}, more than the quota of {quota} \
         bytes: see `suq blob gc --dry-run`, or raise `quota` in suq.toml"
    )]
    Quota {
        /// What images may take.
        quota: u64,
        /// What they take or are promised without this one.
        used: u64,
        /// The size of this one.
        needed: u64,
    },
    /// The size is not what the manifest says.
    #[error("the image has {found} bytes, but its manifest says {expected}")]
    Size {
        /// What the manifest says.
        expected: u64,
        /// What was found.
        found: u64,
    },
    /// A checksum is not what the manifest says.
    #[error("the image's {algorithm} is {found}, but its manifest says {expected}")]
    Checksum {
        /// Which checksum.
        algorithm: Algorithm,
        /// What the manifest says.
        expected: String,
        /// What was found.
        found: String,
    },
    /// The file changed while it was read.
    #[error("{} changed while it was read: try again when nothing writes to it", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Another transfer writes the same blob.
    #[error("another process is already fetching this image into {}", path.display())]
    InUse {
        /// The partial file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl BlobError {
    /// Turns an IO error at this path into one of ours.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> BlobError + '_ {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => BlobError::NoSpace {
                folder: path.parent().unwrap_or(path).to_owned(),
                needed: 1,
                available: 0,
            },
            _ => BlobError::Io { path: path.to_owned(), source },
        }
    }
}
