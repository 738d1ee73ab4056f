//! What lies in the folder of blobs: who was used when, and how much disk it takes.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};
use serde::Serialize;

use super::reserve::{is_locked, promises};
use super::{Blob, BlobError, Blobs};
use crate::model::{Checksums, Sha512, Timestamp};

/// The unit of `st_blocks`, in bytes, whatever the file system's blocks are.
const STAT_BLOCK: u64 = 512;

/// A blob with how it stands in the store: the shape of `suq blob list --json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stored {
    /// The blob.
    #[serde(flatten)]
    pub blob: Blob,
    /// Bytes that it takes on the disk: fewer than its size when it has holes.
    pub disk_bytes: u64,
    /// When it was last read by whoever wanted it, or came.
    pub used: Timestamp,
    /// True when it was pinned by hand.
    pub pinned: bool,
}

/// Bytes on the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Of whole blobs, and of damaged ones that are kept.
    pub whole: u64,
    /// Of those on their way in, with what they are promised.
    pub partial: u64,
}

impl Usage {
    /// What counts against the quota.
    pub fn total(&self) -> u64 {
        self.whole + self.partial
    }
}

impl Blobs {
    /// Every blob with how it stands, by name.
    pub fn stored(&self) -> Result<Vec<Stored>, BlobError> {
        let pins = self.pins()?;
        let stored = |blob: Blob| {
            let metadata = fs::metadata(self.path(&blob.sha512)).ok()?;
            Some(Stored {
                blob,
                disk_bytes: disk_bytes(&metadata),
                used: self.used(&blob.sha512)?,
                pinned: pins.contains(&blob.sha512),
            })
        };
        Ok(self.list()?.into_iter().filter_map(stored).collect())
    }

    /// How much disk everything takes.
    pub fn usage(&self) -> Result<Usage, BlobError> {
        let _change = self.change()?;
        let partial = promises(self, Path::new(""))?.in_the_end;
        Ok(Usage { whole: self.whole_bytes()?, partial })
    }

    /// Bytes that have to fit under the quota besides what counts already, so that a
    /// blob with these checksums can come: fewer when some of it is here.
    pub fn room_for(&self, checksums: &Checksums, bytes: u64) -> u64 {
        // Whoever looks whether a file is locked must not be in the way of one that locks it.
        let _change = self.change().ok();
        let strongest = checksums.iter().last().map_or("", |(_, value)| value);
        let partial = self.partial_folder().join(strongest);
        match fs::metadata(&partial) {
            // The transfer under way is promised all of it.
            Ok(metadata) if metadata.is_file() && is_locked(&partial) => 0,
            Ok(metadata) if metadata.is_file() => bytes.saturating_sub(disk_bytes(&metadata)),
            _ => bytes,
        }
    }

    /// Bytes on the disk of whole blobs, and of damaged ones.
    pub(super) fn whole_bytes(&self) -> Result<u64, BlobError> {
        let mut bytes = 0;
        for folder in self.digit_folders()?.into_iter().chain([self.damaged_folder()]) {
            bytes += files(&folder)?.iter().map(|(_, metadata)| disk_bytes(metadata)).sum::<u64>();
        }
        Ok(bytes)
    }

    /// The name of every whole blob, in order, also of those that the index lost.
    pub(super) fn names(&self) -> Result<BTreeSet<Sha512>, BlobError> {
        let mut names = BTreeSet::new();
        for folder in self.digit_folders()? {
            let name = |path: &Path| path.file_name()?.to_str()?.parse::<Sha512>().ok();
            names.extend(files(&folder)?.iter().filter_map(|(path, _)| name(path)));
        }
        Ok(names)
    }

    /// The folders that are named by the first two digits.
    pub(super) fn digit_folders(&self) -> Result<Vec<PathBuf>, BlobError> {
        let entries = fs::read_dir(&self.root).map_err(BlobError::io(&self.root))?;
        let digits = |name: &str| name.len() == 2 && name.bytes().all(|b| b.is_ascii_hexdigit());
        Ok(entries
            .flatten()
            .filter(|entry| entry.file_name().to_str().is_some_and(digits))
            .map(|entry| entry.path())
            .collect())
    }

    /// When a blob was last used; none when it is not here.
    pub(super) fn used(&self, sha512: &Sha512) -> Option<Timestamp> {
        let time = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        let came = time(&self.path(sha512))?;
        Some(time(&self.used_path(sha512)).unwrap_or(SystemTime::UNIX_EPOCH).max(came).into())
    }

    /// Notes that a blob is used now. A file beside it keeps that: times of reading
    /// are often switched off, and a backup or a scrub is no use.
    pub fn mark_used(&self, sha512: &Sha512) {
        let path = self.used_path(sha512);
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let times = Timestamps { last_access: now, last_modification: now };
        let marked = utimensat(CWD, &path, &times, AtFlags::empty());
        let marked = marked.map_err(io::Error::from).or_else(|_| File::create(&path).map(drop));
        if let Err(error) = marked {
            // The blob only seems unused for longer.
            tracing::debug!("{}: {error}", path.display());
        }
    }

    pub(super) fn used_path(&self, sha512: &Sha512) -> PathBuf {
        self.root.join("used").join(sha512.to_string())
    }
}

/// Bytes that a file takes on the disk.
pub(super) fn disk_bytes(metadata: &Metadata) -> u64 {
    metadata.blocks() * STAT_BLOCK
}

/// The files of a folder; none of a folder that is not there. Those that vanish
/// meanwhile are left out.
pub(super) fn files(folder: &Path) -> Result<Vec<(PathBuf, Metadata)>, BlobError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(BlobError::io(folder))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(BlobError::io(folder))?;
        match entry.metadata() {
            Ok(metadata) if metadata.is_file() => found.push((entry.path(), metadata)),
            _ => {}
        }
    }
    Ok(found)
}
