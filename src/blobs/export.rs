//! Handing a blob out as a file of the user's own.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::NamedTempFile;

use super::{BlobError, Blobs};
use crate::model::Sha512;

/// Copies a blob to a path, which appears only when it is complete. Shares the
/// bytes where the file system can copy on write; never a link that would let
/// its owner change the store.
pub fn export(blobs: &Blobs, sha512: &Sha512, target: &Path) -> Result<u64, BlobError> {
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let source = blobs.path(sha512);
    let bytes = blobs.size(sha512).unwrap_or(0);
    super::place::require_space(folder, bytes)?;
    let copy = NamedTempFile::new_in(folder).map_err(BlobError::io(folder))?;
    fs::copy(&source, copy.path()).map_err(BlobError::io(target))?;
    let mode = Permissions::from_mode(0o644);
    fs::set_permissions(copy.path(), mode).map_err(BlobError::io(target))?;
    copy.as_file().sync_all().map_err(BlobError::io(target))?;
    copy.persist(target).map_err(|error| BlobError::io(target)(error.error))?;
    Ok(bytes)
}
