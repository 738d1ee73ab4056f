//! Putting whole files under their final names.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::NamedTempFile;

use super::hash::{Hasher, PieceHasher, read_chunk};
use super::reserve::Claim;
use super::{Blob, BlobError, Blobs, Expected, PIECES, sparse};
use crate::model::{Algorithm, Checksums, Sha1, Sha512};
use crate::wire::PieceDigests;

pub(super) fn add(
    blobs: &Blobs,
    source: &Path,
    expected: Option<&Expected>,
    mut progress: impl FnMut(u64),
) -> Result<Blob, BlobError> {
    let mut file = File::open(source).map_err(BlobError::io(source))?;
    let before = file.metadata().map_err(BlobError::io(source))?;
    if let Some(expected) = expected.filter(|expected| expected.bytes != before.len()) {
        return Err(BlobError::Size { expected: expected.bytes, found: before.len() });
    }
    let folder = blobs.partial_folder();
    let copy = NamedTempFile::new_in(&folder).map_err(BlobError::io(&folder))?;
    Claim::take(blobs, copy.path(), copy.as_file())?.promise(before.len(), before.len())?;
    let mut hasher = Hasher::new(&Algorithm::ALL);
    let mut pieces = PieceHasher::new();
    while let Some(chunk) = read_chunk(&mut file).map_err(BlobError::io(source))? {
        progress(chunk.len() as u64);
        hasher.update(&chunk);
        pieces.update(&chunk);
        if hasher.bytes() > before.len() {
            return Err(BlobError::Changed { path: source.to_owned() });
        }
        let offset = hasher.bytes() - chunk.len() as u64;
        sparse::write_all_at(copy.as_file(), &chunk, offset).map_err(BlobError::io(copy.path()))?;
    }
    let bytes = hasher.bytes();
    let checksums = hasher.finish().map_err(BlobError::io(source))?;
    let after = fs::metadata(source).map_err(BlobError::io(source))?;
    if bytes != before.len() || after.modified().ok() != before.modified().ok() {
        return Err(BlobError::Changed { path: source.to_owned() });
    }
    if let Some(expected) = expected {
        expected.compare(bytes, &checksums)?;
    }
    copy.as_file().sync_all().map_err(BlobError::io(copy.path()))?;
    let digests = pieces.finish().map_err(BlobError::io(source))?;
    place(blobs, copy.path(), bytes, &checksums, Some(&digests))
}

/// Gives a durable file that matched everything its final name. What belongs to it comes
/// first: a blob that has its name is found by all of them.
pub(super) fn place(
    blobs: &Blobs,
    file: &Path,
    bytes: u64,
    checksums: &Checksums,
    pieces: Option<&PieceDigests>,
) -> Result<Blob, BlobError> {
    let (sha512, sha1) = names(checksums)?;
    let _change = blobs.change()?;
    let target = blobs.path(&sha512);
    let folder = target.parent().unwrap_or(&blobs.root);
    fs::create_dir_all(folder).map_err(BlobError::io(folder))?;
    if let Some(pieces) = pieces {
        write_durably(&target.with_extension(PIECES), folder, &pieces.to_octets())?;
    }
    index(blobs, &sha1, &sha512)?;
    fs::rename(file, &target).map_err(BlobError::io(&target))?;
    // Not before: a transfer that is cut off here could not be gone on with.
    let read_only = Permissions::from_mode(0o444);
    fs::set_permissions(&target, read_only).map_err(BlobError::io(&target))?;
    sync_folder(folder)?;
    sync_folder(&blobs.root)?;
    Ok(Blob { sha512, sha1, bytes })
}

fn names(checksums: &Checksums) -> Result<(Sha512, Sha1), BlobError> {
    checksums.sha512().zip(checksums.sha1()).ok_or_else(|| BlobError::Checksum {
        algorithm: Algorithm::Sha512,
        expected: "to be computed".to_owned(),
        found: "nothing".to_owned(),
    })
}

/// The file that finds a blob by its SHA-1.
pub(super) fn index(blobs: &Blobs, sha1: &Sha1, sha512: &Sha512) -> Result<(), BlobError> {
    let folder = blobs.sha1_folder();
    write_durably(&folder.join(sha1.to_string()), &folder, format!("{sha512}\n").as_bytes())
}

/// Writes a small file of this folder, whole or not at all. The caller holds the folder's
/// lock: a collection takes what others left behind.
fn write_durably(path: &Path, folder: &Path, octets: &[u8]) -> Result<(), BlobError> {
    let mut file = NamedTempFile::new_in(folder).map_err(BlobError::io(folder))?;
    file.write_all(octets).map_err(BlobError::io(path))?;
    file.as_file().sync_all().map_err(BlobError::io(path))?;
    file.persist(path).map_err(|error| BlobError::io(path)(error.error))?;
    sync_folder(folder)
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), BlobError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(BlobError::io(folder))
}
