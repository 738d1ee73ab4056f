//! Promising disk space to what is on its way in, so that two transfers do not
//! count on the same bytes.
//!
//! The promise is the partial file itself: it is locked and has its whole length,
//! and what its blocks do not hold yet is still to come. It ends with the lock,
//! so also when the process dies. Zeros that stay holes are promised until the end:
//! nobody knows them before they have come.

use std::fs::{File, Metadata, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::folder::{disk_bytes, files};
use super::lock::{Change, Inode};
use super::{BlobError, Blobs};

/// A partial file that is locked for the caller, and not yet promised any space.
/// Nobody else locks, names or promises while it lives.
pub(super) struct Claim<'a> {
    blobs: &'a Blobs,
    path: &'a Path,
    file: &'a File,
    _change: Change,
}

impl<'a> Claim<'a> {
    /// Locks a file that was opened under this name, as long as it is open.
    ///
    /// # Errors
    /// [`BlobError::InUse`] when another transfer has it.
    pub(super) fn take(
        blobs: &'a Blobs,
        path: &'a Path,
        file: &'a File,
    ) -> Result<Claim<'a>, BlobError> {
        let change = blobs.change()?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(BlobError::InUse { path: path.to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(BlobError::io(path)(error)),
        }
        // Meanwhile it may have become a blob under its final name, which nobody writes
        // to, or was deleted as a leftover.
        if Inode::of(file).ok() != Inode::at(path) {
            return Err(BlobError::InUse { path: path.to_owned() });
        }
        Ok(Claim { blobs, path, file, _change: change })
    }

    /// Promises the file the space it needs: its whole length in the end, of which
    /// `missing` bytes have not come yet. The promise holds as long as it is open. A
    /// file that gets none, and holds nothing, is deleted.
    ///
    /// # Errors
    /// [`BlobError::NoSpace`] and [`BlobError::Quota`] when there is no room.
    pub(super) fn promise(self, bytes: u64, missing: u64) -> Result<(), BlobError> {
        let Claim { blobs, path, file, .. } = &self;
        let metadata = file.metadata().map_err(BlobError::io(path))?;
        if let Err(error) = require_room(blobs, path, &metadata, bytes, missing) {
            if metadata.len() == 0 {
                let _ = std::fs::remove_file(path);
            }
            return Err(error);
        }
        file.set_len(bytes).map_err(BlobError::io(path))
    }
}

fn require_room(
    blobs: &Blobs,
    path: &Path,
    own: &Metadata,
    bytes: u64,
    missing: u64,
) -> Result<(), BlobError> {
    let promises = promises(blobs, path)?;
    let needed = missing.min(bytes.saturating_sub(disk_bytes(own)));
    require_space(&blobs.partial_folder(), needed, promises.to_come)?;
    let Some(quota) = blobs.quota else { return Ok(()) };
    let used = blobs.whole_bytes()? + promises.in_the_end;
    match used.checked_add(bytes) {
        Some(all) if all <= quota => Ok(()),
        _ => Err(BlobError::Quota { quota, used, needed: bytes }),
    }
}

/// What the other partial files hold and will hold, in bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Promises {
    /// Promised and not yet written.
    pub(super) to_come: u64,
    /// What they take when all has come.
    pub(super) in_the_end: u64,
}

/// The promises to all but one. The caller holds the folder's lock: whoever looks
/// whether a file is locked must not be in the way of one that locks it.
pub(super) fn promises(blobs: &Blobs, but: &Path) -> Result<Promises, BlobError> {
    let mut promises = Promises::default();
    for (path, metadata) in files(&blobs.partial_folder())? {
        let here = disk_bytes(&metadata);
        let to_come = metadata.size().saturating_sub(here);
        if path == but {
            continue;
        }
        promises.in_the_end += here;
        if to_come > 0 && is_locked(&path) {
            promises.to_come += to_come;
            promises.in_the_end += to_come;
        }
    }
    Ok(promises)
}

/// True when a transfer has this file.
pub(super) fn is_locked(path: &Path) -> bool {
    let locked = |file: File| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    File::open(path).is_ok_and(locked)
}

/// An error unless so many bytes are free beside those that are promised.
pub(super) fn require_space(folder: &Path, needed: u64, promised: u64) -> Result<(), BlobError> {
    let system = rustix::fs::statvfs(folder)
        .map_err(|error| BlobError::io(folder)(std::io::Error::from(error)))?;
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    let available = free.saturating_sub(promised);
    if needed > available {
        return Err(BlobError::NoSpace { folder: folder.to_owned(), needed, available });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    const MB: u64 = 1_000_000;

    fn begin(blobs: &Blobs, name: &str, bytes: u64) -> Result<File, BlobError> {
        let path = blobs.partial_folder().join(name);
        let options = File::options().read(true).write(true).create(true).truncate(false).clone();
        let file = options.open(&path).unwrap();
        Claim::take(blobs, &path, &file)?.promise(bytes, bytes)?;
        Ok(file)
    }

    #[test]
    fn threads_are_not_promised_the_same_place_under_the_quota() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap().with_quota(Some(10 * MB));
        let together = Barrier::new(8);
        let claimed: Vec<Result<File, BlobError>> = std::thread::scope(|scope| {
            let thread = |n: u8| {
                let (blobs, together) = (&blobs, &together);
                scope.spawn(move || {
                    together.wait();
                    begin(blobs, &format!("{n}"), 3 * MB)
                })
            };
            let threads: Vec<_> = (0..8).map(thread).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let (held, refused): (Vec<_>, Vec<_>) = claimed.into_iter().partition(Result::is_ok);
        assert_eq!(held.len(), 3);
        for error in refused.into_iter().map(Result::unwrap_err) {
            assert!(matches!(error, BlobError::Quota { .. }), "{error}");
        }
        // What was refused leaves nothing; what ends, however it ends, gives its place back.
        assert_eq!(files(&blobs.partial_folder()).unwrap().len(), 3);
        drop(held);
        begin(&blobs, "another", 9 * MB).unwrap();
    }

    #[test]
    fn free_bytes_are_promised_once() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        let system = rustix::fs::statvfs(folder.path()).unwrap();
        let most = system.f_bavail * system.f_frsize / 4 * 3;
        let first = begin(&blobs, "first", most).unwrap();
        let error = begin(&blobs, "second", most).unwrap_err();
        assert!(matches!(error, BlobError::NoSpace { .. }), "{error}");
        // One that goes on needs only what is missing.
        drop(first);
        let path = blobs.partial_folder().join("first");
        let file = File::options().read(true).write(true).open(&path).unwrap();
        Claim::take(&blobs, &path, &file).unwrap().promise(2 * most, 1).unwrap();
    }

    #[test]
    fn nobody_gets_to_write_what_has_become_a_blob() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        let path = blobs.partial_folder().join("image");
        let first = begin(&blobs, "image", 10).unwrap();
        let late = File::options().read(true).write(true).open(&path).unwrap();
        let error = Claim::take(&blobs, &path, &late).err().unwrap();
        assert!(matches!(error, BlobError::InUse { .. }), "{error}");
        std::fs::rename(&path, folder.path().join("blob")).unwrap();
        drop(first);
        let error = Claim::take(&blobs, &path, &late).err().unwrap();
        assert!(matches!(error, BlobError::InUse { .. }), "{error}");
        assert_eq!(std::fs::metadata(folder.path().join("blob")).unwrap().len(), 10);
    }
}
