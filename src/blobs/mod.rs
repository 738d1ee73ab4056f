//! Blobs: the bytes of images, as plain files named by their SHA-512.
//!
//! ```text
//! blobs/<aa>/<sha512>     a whole blob, read-only; <aa> are the first two digits
//! blobs/<aa>/<sha512>.pieces    the SHA-256 of each of its pieces, 32 octets each
//! blobs/sha1/<sha1>       its SHA-512, to find it by image identifier
//! blobs/partial/<name>    a blob on its way in, and <name>.map, its pieces
//! blobs/pins/<sha512>     it was pinned by hand
//! blobs/used/<sha512>     its time is when the blob was last used
//! blobs/damaged/<sha512>  what was found damaged; .<sha1> at its end
//! blobs/scrub             where the scrub is
//! blobs/lock              held while a name changes or space is promised
//! ```
//!
//! Architecture invariant: a file gets its final name only after its size and
//! every checksum of its manifest matched and its bytes are durable. Several
//! processes may use one folder: names are made by renaming.
//!
//! Architecture invariant: nobody writes to a file that has its final name. Who has
//! opened one reads right bytes to the end, whatever becomes of the name.

mod collect;
mod error;
mod export;
mod folder;
mod hash;
mod incoming;
mod lock;
mod map;
mod pins;
mod place;
mod reread;
mod reserve;
mod scrub;
mod sparse;
mod syncer;

#[cfg(test)]
mod tests;

pub use collect::{Evicted, Kept, MAX_EVICTABLE, Plan, Swept};
pub use error::BlobError;
pub use export::export;
pub use folder::{Stored, Usage};
pub use hash::{CHUNK_BYTES, Hashed, Hasher, hash_chunks, hash_file};
pub use incoming::{Expected, Finished, Incoming};
pub use reread::{Damage, Found, MAX_DAMAGED, Reread};
pub use scrub::ScrubState;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::model::{Sha1, Sha512};
pub use crate::wire::PIECE_BYTES;
use crate::wire::PieceDigests;
use place::sync_folder;

/// The ending of the file with the digests of a blob's pieces.
const PIECES: &str = "pieces";

/// A blob of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Blob {
    /// Its name.
    pub sha512: Sha512,
    /// Its other name.
    pub sha1: Sha1,
    /// Its size.
    pub bytes: u64,
}

/// The folder of blobs.
#[derive(Debug, Clone)]
pub struct Blobs {
    root: PathBuf,
    quota: Option<u64>,
}

impl Blobs {
    /// Opens the folder, making it when there is none.
    pub fn open(root: &Path) -> Result<Blobs, BlobError> {
        let blobs = Blobs { root: root.to_owned(), quota: None };
        for name in ["sha1", "partial", "pins", "used", "damaged"] {
            let folder = root.join(name);
            fs::create_dir_all(&folder).map_err(BlobError::io(&folder))?;
        }
        Ok(blobs)
    }

    /// The same folder, in which images may take so many bytes of the disk.
    pub fn with_quota(self, quota: Option<u64>) -> Blobs {
        Blobs { quota, ..self }
    }

    /// Bytes of the disk that images may take; none when it is up to the disk.
    pub fn quota(&self) -> Option<u64> {
        self.quota
    }

    /// The size of a blob that is here.
    pub fn size(&self, sha512: &Sha512) -> Option<u64> {
        fs::metadata(self.path(sha512)).ok().map(|metadata| metadata.len())
    }

    /// The blob with this SHA-1, when it is here.
    pub fn by_sha1(&self, sha1: &Sha1) -> Option<Blob> {
        let text = fs::read_to_string(self.sha1_folder().join(sha1.to_string())).ok()?;
        let sha512: Sha512 = text.trim().parse().ok()?;
        let bytes = self.size(&sha512)?;
        Some(Blob { sha512, sha1: *sha1, bytes })
    }

    /// Opens a blob for reading. It is not collected while the file is open, and
    /// counts as used.
    pub fn read(&self, sha512: &Sha512) -> io::Result<File> {
        let file = File::open(self.path(sha512))?;
        // Not when it is taken away this moment: whoever has opened it reads it anyway.
        let _ = file.try_lock_shared();
        self.mark_used(sha512);
        Ok(file)
    }

    /// The digests of a blob's pieces, when they are known here.
    pub fn pieces(&self, sha512: &Sha512) -> Option<PieceDigests> {
        let octets = fs::read(self.path(sha512).with_extension(PIECES)).ok()?;
        let count = self.size(sha512)?.div_ceil(PIECE_BYTES) as usize;
        PieceDigests::from_octets(&octets).filter(|digests| digests.count() == count)
    }

    /// The digests of a blob's pieces, read from its bytes.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn digests(&self, blob: &Blob) -> Result<PieceDigests, BlobError> {
        let path = self.path(&blob.sha512);
        let mut file = File::open(&path).map_err(BlobError::io(&path))?;
        let mut hasher = hash::PieceHasher::new();
        while let Some(chunk) = hash::read_chunk(&mut file).map_err(BlobError::io(&path))? {
            hasher.update(&chunk);
        }
        hasher.finish().map_err(BlobError::io(&path))
    }

    /// Where a blob is, or would be.
    pub fn path(&self, sha512: &Sha512) -> PathBuf {
        let name = sha512.to_string();
        self.root.join(&name[..2]).join(name)
    }

    /// Every blob, by name.
    pub fn list(&self) -> Result<Vec<Blob>, BlobError> {
        let folder = self.sha1_folder();
        let mut blobs = Vec::new();
        for file in fs::read_dir(&folder).map_err(BlobError::io(&folder))? {
            let file = file.map_err(BlobError::io(&folder))?;
            let sha1 = file.file_name().to_str().and_then(|name| name.parse().ok());
            blobs.extend(sha1.and_then(|sha1| self.by_sha1(&sha1)));
        }
        blobs.sort_unstable();
        Ok(blobs)
    }

    /// Takes in a file: copies and hashes it in one pass.
    ///
    /// # Errors
    /// When it differs from what is expected or changes while it is read.
    pub fn add(
        &self,
        source: &Path,
        expected: Option<&Expected>,
        progress: impl FnMut(u64),
    ) -> Result<Blob, BlobError> {
        place::add(self, source, expected, progress)
    }

    /// Reads a blob again and compares it with its name; `progress` is told of the
    /// bytes of every step.
    pub fn verify(
        &self,
        sha512: &Sha512,
        mut progress: impl FnMut(u64),
    ) -> Result<Found, BlobError> {
        let Some(mut reread) = Reread::begin(self, sha512)? else { return Ok(Found::Gone) };
        loop {
            match reread.step() {
                Ok(Some(bytes)) => progress(bytes),
                Ok(None) => return reread.finish(),
                Err(error) => return reread.unreadable(&error),
            }
        }
    }

    /// Deletes a blob.
    pub fn remove(&self, blob: &Blob) -> Result<(), BlobError> {
        let _change = self.change()?;
        self.remove_now(blob)
    }

    /// The same for whoever holds the folder's lock. The bytes go first: an index that
    /// leads nowhere finds nothing.
    fn remove_now(&self, blob: &Blob) -> Result<(), BlobError> {
        let (path, index) = (self.path(&blob.sha512), self.sha1_folder());
        // Not every blob has them.
        let _ = fs::remove_file(path.with_extension(PIECES));
        let index = index.join(blob.sha1.to_string());
        for file in [&path, &index] {
            match fs::remove_file(file) {
                // Somebody else was faster.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other.map_err(BlobError::io(file))?,
            }
        }
        // Blobs that were never read have none.
        let _ = fs::remove_file(self.used_path(&blob.sha512));
        sync_folder(path.parent().unwrap_or(&self.root))
    }

    fn sha1_folder(&self) -> PathBuf {
        self.root.join("sha1")
    }

    fn partial_folder(&self) -> PathBuf {
        self.root.join("partial")
    }
}
