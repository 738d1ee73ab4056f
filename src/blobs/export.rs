//! Handing a blob out as a file of the user's own.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::NamedTempFile;

use super::folder::disk_bytes;
use super::reserve::require_space;
use super::{BlobError, Blobs, sparse};
use crate::model::Sha512;

/// Copies a blob to a path, which appears only when it is complete; `progress` is
/// told of the bytes that are done. Shares the bytes where the file system can copy
/// on write, and keeps holes; never a link that would let its owner change the store.
pub fn export(
    blobs: &Blobs,
    sha512: &Sha512,
    target: &Path,
    mut progress: impl FnMut(u64),
) -> Result<u64, BlobError> {
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let path = blobs.path(sha512);
    let source = blobs.read(sha512).map_err(BlobError::io(&path))?;
    let metadata = source.metadata().map_err(BlobError::io(&path))?;
    let bytes = metadata.len();
    let copy = NamedTempFile::new_in(folder).map_err(BlobError::io(folder))?;
    if sparse::clone(&source, copy.as_file()) {
        progress(bytes);
    } else {
        require_space(folder, disk_bytes(&metadata), 0)?;
        sparse::copy(&source, copy.as_file(), bytes, progress).map_err(BlobError::io(target))?;
    }
    let mode = Permissions::from_mode(0o644);
    copy.as_file().set_permissions(mode).map_err(BlobError::io(target))?;
    copy.as_file().sync_all().map_err(BlobError::io(target))?;
    copy.persist(target).map_err(|error| BlobError::io(target)(error.error))?;
    Ok(bytes)
}
