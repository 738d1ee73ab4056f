//! Hashing an image with a bar.

use std::path::Path;

use super::Exit;
use super::progress::bytes_bar;
use crate::blobs::{Hashed, hash_chunks, hash_file};
use crate::fetch::{Format, UnpackedFile};
use crate::model::Algorithm;

/// Checksums, size and pieces of an image, in one pass.
pub(super) fn of_file(file: &Path, algorithms: &[Algorithm]) -> Result<Hashed, Exit> {
    unchanged(file, |bytes| {
        let bar = bytes_bar(bytes, "hashing");
        let hashed = hash_file(file, algorithms, |bytes| bar.inc(bytes)).map_err(Exit::io(file))?;
        bar.finish_and_clear();
        Ok((hashed.bytes, hashed))
    })
}

/// The same of what is in a file that is compressed.
pub(super) fn of_unpacked(
    file: &Path,
    format: Format,
    algorithms: &[Algorithm],
) -> Result<Hashed, Exit> {
    unchanged(file, |bytes| {
        let bar = bytes_bar(bytes, "hashing");
        let mut unpacked = UnpackedFile::open(file, format).map_err(Exit::io(file))?;
        let chunks = std::iter::from_fn(|| {
            let chunk = unpacked.next()?;
            bar.set_position(unpacked.taken());
            Some(chunk.map_err(std::io::Error::other))
        });
        // The error names the file.
        let hashed = hash_chunks(chunks, algorithms);
        let hashed = hashed.map_err(|error| Exit::failed(error.to_string()))?;
        bar.finish_and_clear();
        Ok((bytes, hashed))
    })
}

/// Notices when somebody wrote to a file that was read. `work` is told of its size, and
/// tells how much was read.
fn unchanged<T>(file: &Path, work: impl FnOnce(u64) -> Result<(u64, T), Exit>) -> Result<T, Exit> {
    let before = std::fs::metadata(file).map_err(Exit::io(file))?;
    let (read, value) = work(before.len())?;
    let after = std::fs::metadata(file).map_err(Exit::io(file))?;
    let same = before.len() == after.len() && before.modified().ok() == after.modified().ok();
    if read != before.len() || !same {
        return Err(Exit::failed(format!("{} changed while it was hashed", file.display())));
    }
    Ok(value)
}
