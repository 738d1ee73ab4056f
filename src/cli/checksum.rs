//! Hashing an image with a bar.

use std::path::Path;

use super::Exit;
use super::progress::bytes_bar;
use crate::blobs::{Hashed, hash_file};
use crate::model::Algorithm;

/// Checksums, size and pieces of an image, in one pass.
pub(super) fn of_file(file: &Path, algorithms: &[Algorithm]) -> Result<Hashed, Exit> {
    let before = std::fs::metadata(file).map_err(Exit::io(file))?;
    let bar = bytes_bar(before.len(), "hashing");
    let hashed = hash_file(file, algorithms, |bytes| bar.inc(bytes)).map_err(Exit::io(file))?;
    bar.finish_and_clear();
    let after = std::fs::metadata(file).map_err(Exit::io(file))?;
    if hashed.bytes != before.len() || before.modified().ok() != after.modified().ok() {
        return Err(Exit::failed(format!("{} changed while it was hashed", file.display())));
    }
    Ok(hashed)
}
