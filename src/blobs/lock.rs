//! One change of the folder at a time, by threads and processes.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{BlobError, Blobs};

/// While it lives, nobody else gives names to blobs, takes them away or
/// promises space. Held for moments; the system lets go of it with the process.
pub(super) struct Change(#[expect(dead_code, reason = "the open file is the lock")] File);

impl Blobs {
    /// Waits for the turn of this thread.
    pub(super) fn change(&self) -> Result<Change, BlobError> {
        let path = self.root.join("lock");
        let file = File::options().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(BlobError::io(&path))?;
        file.lock().map_err(BlobError::io(&path))?;
        Ok(Change(file))
    }
}

/// What tells one file from another that later has its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Inode {
    device: u64,
    number: u64,
}

impl Inode {
    pub(super) fn of(file: &File) -> std::io::Result<Inode> {
        let metadata = file.metadata()?;
        Ok(Inode { device: metadata.dev(), number: metadata.ino() })
    }

    /// The file that has this name now; none when there is none.
    pub(super) fn at(path: &Path) -> Option<Inode> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Inode { device: metadata.dev(), number: metadata.ino() })
    }
}
