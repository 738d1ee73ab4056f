//! A blob on its way in: taken piece by piece in any order, hashed as it arrives,
//! resumed after a crash.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::hash::{CHUNK_BYTES, Hasher};
use super::map::{self, Map};
use super::place::place;
use super::reserve::Claim;
use super::sparse;
use super::syncer::Syncer;
use super::{Blob, BlobError, Blobs, PIECE_BYTES};
use crate::model::{Algorithm, Checksums, Sha256};
use crate::wire::PieceDigests;

/// Bytes after which the disk is told to write: what a power loss costs at most, and
/// what the last sync has left to do.
const SYNC_BYTES: u64 = 32 * 1024 * 1024;

/// Largest blob: what the file systems of sites hold in one file. A manifest can say
/// anything, and the map of the pieces is made before the disk is asked.
const MAX_BYTES: u64 = 16 << 40;

/// Pieces of an earlier attempt that are hashed between two that arrive: a provider must
/// not have to wait until all of them are.
const CATCH_UP: usize = 4;

/// What a blob must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Its size.
    pub bytes: u64,
    /// Its checksums; every one counts.
    pub checksums: Checksums,
}

impl Expected {
    /// Compares what was found with every expectation.
    ///
    /// # Errors
    /// The first that does not match.
    pub fn compare(&self, bytes: u64, found: &Checksums) -> Result<(), BlobError> {
        if bytes != self.bytes {
            return Err(BlobError::Size { expected: self.bytes, found: bytes });
        }
        for (algorithm, expected) in self.checksums.iter() {
            let found = found.value(algorithm).unwrap_or("not computed");
            if found != expected {
                let (expected, found) = (expected.to_owned(), found.to_owned());
                return Err(BlobError::Checksum { algorithm, expected, found });
            }
        }
        Ok(())
    }

    /// The strongest checksum names the partial file.
    fn name(&self) -> String {
        let strongest = self.checksums.iter().last();
        strongest.map_or_else(String::new, |(_, value)| value.to_owned())
    }

    /// The names it is stored under are computed even when not listed.
    fn algorithms(&self) -> Vec<Algorithm> {
        let is_computed = |algorithm: &Algorithm| {
            self.checksums.value(*algorithm).is_some()
                || matches!(algorithm, Algorithm::Sha1 | Algorithm::Sha512)
        };
        Algorithm::ALL.into_iter().filter(is_computed).collect()
    }

    fn pieces(&self) -> usize {
        self.bytes.div_ceil(PIECE_BYTES) as usize
    }
}

impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Incoming({})", self.path.display())
    }
}

/// A blob that is being received.
pub struct Incoming {
    blobs: Blobs,
    expected: Expected,
    /// Of every piece, where the manifest signs them.
    digests: Option<PieceDigests>,
    path: PathBuf,
    file: Arc<File>,
    pub(super) map_path: PathBuf,
    /// The same as `map`, for the next attempt.
    map_file: Arc<Map>,
    /// One octet for each piece: 1 when it is complete.
    map: Vec<u8>,
    hasher: Hasher,
    unsynced: u64,
    /// None when the blob is finished.
    syncer: Option<Syncer>,
}

/// What became of a blob whose pieces are all there.
#[derive(Debug)]
pub enum Finished {
    /// It matches everything and is in the store.
    Placed(Blob),
    /// It does not match. Nothing of it is kept unless [`Incoming::keep`] says so.
    Wrong(Box<Incoming>, BlobError),
}

impl Incoming {
    /// Begins to receive a blob, or goes on where an earlier attempt ended.
    ///
    /// # Errors
    /// When there is no space for what is missing, or another process receives
    /// the same blob.
    pub fn begin(blobs: &Blobs, expected: Expected) -> Result<Incoming, BlobError> {
        let folder = blobs.partial_folder();
        if expected.bytes > MAX_BYTES {
            let (needed, available) = (expected.bytes, MAX_BYTES);
            return Err(BlobError::NoSpace { folder, needed, available });
        }
        let path = folder.join(expected.name());
        let map_path = path.with_extension("map");
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(BlobError::io(&path))?;
        let claim = Claim::take(blobs, &path, &file)?;
        if file.metadata().map_err(BlobError::io(&path))?.len() == 0 {
            // The transfer before this one ended, or was cut off at its very end.
            remove_if_there(&map_path)?;
        }
        let map = map::read(&map_path, expected.pieces());
        let missing = map.iter().filter(|piece| **piece == 0).count() as u64 * PIECE_BYTES;
        claim.promise(expected.bytes, missing)?;
        let map_file = Map::open(&map_path, map.len()).map_err(BlobError::io(&map_path))?;
        let (file, map_file) = (Arc::new(file), Arc::new(map_file));
        Ok(Incoming {
            blobs: blobs.clone(),
            digests: None,
            hasher: Hasher::new(&expected.algorithms()),
            syncer: Some(Syncer::start(Arc::clone(&file), Arc::clone(&map_file))),
            unsynced: 0,
            expected,
            path,
            file,
            map_path,
            map_file,
            map,
        })
    }

    /// Checks every piece that arrives from now on by these digests.
    pub fn check_by(&mut self, digests: PieceDigests) {
        self.digests = Some(digests).filter(|digests| digests.count() == self.map.len());
    }

    /// True when pieces are checked as they arrive.
    pub fn has_digests(&self) -> bool {
        self.digests.is_some()
    }

    /// Which pieces are here.
    pub fn here(&self) -> Vec<bool> {
        self.map.iter().map(|piece| *piece == 1).collect()
    }

    /// Bytes of the pieces that are here.
    pub fn bytes_here(&self) -> u64 {
        let pieces = (0_u32..).zip(&self.map).filter(|(_, here)| **here == 1);
        pieces.map(|(piece, _)| self.length(piece)).sum()
    }

    fn length(&self, piece: u32) -> u64 {
        PIECE_BYTES.min(self.expected.bytes.saturating_sub(u64::from(piece) * PIECE_BYTES))
    }

    /// Takes a piece that arrived; false when it is not what the manifest signs, and
    /// then nothing of it is kept.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn take(&mut self, piece: u32, octets: &Bytes) -> Result<bool, BlobError> {
        if self.map.get(piece as usize) != Some(&0) {
            // Somebody else brought it.
            return Ok(true);
        }
        let signed = self.digests.as_ref().and_then(|digests| digests.get(piece));
        let fits = signed.is_none_or(|signed| Sha256::of(octets) == signed);
        if !fits || octets.len() as u64 != self.length(piece) {
            return Ok(false);
        }
        let offset = u64::from(piece) * PIECE_BYTES;
        let written = sparse::write_all_at(&self.file, octets, offset);
        written.map_err(|error| self.write_failed(error))?;
        self.map[piece as usize] = 1;
        // A mark that is lost costs this piece once more.
        let _ = self.map_file.written(piece);
        self.catch_up(offset, CATCH_UP)?;
        if self.hasher.bytes() == offset {
            self.hasher.update(octets);
        }
        self.unsynced += octets.len() as u64;
        let syncer = self.syncer.as_ref().filter(|_| self.unsynced >= SYNC_BYTES);
        if syncer.is_some_and(|syncer| syncer.sync(&self.map)) {
            self.unsynced = 0;
        }
        Ok(true)
    }

    fn write_failed(&self, error: io::Error) -> BlobError {
        match BlobError::io(&self.path)(error) {
            BlobError::NoSpace { folder, .. } => {
                let needed = self.expected.bytes - self.bytes_here();
                BlobError::NoSpace { folder, needed, available: 0 }
            }
            other => other,
        }
    }

    /// Hashes what is here before this offset and was not hashed yet, some pieces of it.
    fn catch_up(&mut self, until: u64, pieces: usize) -> Result<(), BlobError> {
        for _ in 0..pieces {
            if self.hasher.bytes() >= until {
                return Ok(());
            }
            let piece = (self.hasher.bytes() / PIECE_BYTES) as u32;
            if self.map.get(piece as usize) != Some(&1) {
                return Ok(());
            }
            let end = self.hasher.bytes() + self.length(piece);
            while self.hasher.bytes() < end {
                let length = (end - self.hasher.bytes()).min(CHUNK_BYTES as u64);
                let octets = self.read(self.hasher.bytes(), length)?;
                self.hasher.update(&Bytes::from(octets));
            }
        }
        Ok(())
    }

    fn read(&self, offset: u64, length: u64) -> Result<Vec<u8>, BlobError> {
        let mut octets = vec![0; length as usize];
        self.file.read_exact_at(&mut octets, offset).map_err(BlobError::io(&self.path))?;
        Ok(octets)
    }

    /// The digest of a piece as it is on the disk.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn digest(&self, piece: u32) -> Result<Sha256, BlobError> {
        let octets = self.read(u64::from(piece) * PIECE_BYTES, self.length(piece));
        octets.map(|octets| Sha256::of(&octets))
    }

    /// Verifies everything and gives the blob its name.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn finish(mut self) -> Result<Finished, BlobError> {
        self.catch_up(self.expected.bytes, self.map.len())?;
        let fresh = Hasher::new(&self.expected.algorithms());
        let hasher = std::mem::replace(&mut self.hasher, fresh);
        let bytes = hasher.bytes();
        let found = hasher.finish().map_err(BlobError::io(&self.path))?;
        if let Err(error) = self.expected.compare(bytes, &found) {
            return Ok(Finished::Wrong(Box::new(self), error));
        }
        if let Some(syncer) = self.syncer.take() {
            syncer.finish().map_err(BlobError::io(&self.path))?;
        }
        let blob = place(&self.blobs, &self.path, bytes, &found, self.digests.as_ref())?;
        // What stays behind is collected later.
        let _ = fs::remove_file(&self.map_path);
        Ok(Finished::Placed(blob))
    }

    /// Of a blob that turned out to be wrong, keeps the pieces that are as the manifest
    /// signs them, and gives the others; none when it signs none.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn keep_signed(&mut self) -> Result<Option<Vec<u32>>, BlobError> {
        let Some(digests) = self.digests.clone() else { return Ok(None) };
        let mut wrong = Vec::new();
        for piece in 0..self.map.len() as u32 {
            if digests.get(piece) != Some(self.digest(piece)?) {
                wrong.push(piece);
            }
        }
        if !wrong.is_empty() {
            self.keep(|piece| !wrong.contains(&piece))?;
        }
        Ok(Some(wrong))
    }

    /// Of a blob that turned out to be wrong, keeps only these pieces.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn keep(&mut self, is_kept: impl Fn(u32) -> bool) -> Result<(), BlobError> {
        for (piece, here) in (0_u32..).zip(&mut self.map) {
            *here = u8::from(*here == 1 && is_kept(piece));
        }
        if !self.map.contains(&1) {
            // Wrong bytes are not left lying about.
            let empty = self.file.set_len(0).and_then(|()| self.file.set_len(self.expected.bytes));
            empty.map_err(BlobError::io(&self.path))?;
        }
        self.hasher = Hasher::new(&self.expected.algorithms());
        if let Some(syncer) = &self.syncer {
            syncer.put(&self.map);
        }
        Ok(())
    }

    /// Ends for now: everything that is here is durable, for the next attempt. Dropping
    /// it does the same, and tells nobody when that fails.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn pause(mut self) -> Result<(), BlobError> {
        let map = std::mem::take(&mut self.map);
        let paused = self.syncer.take().map_or(Ok(()), |syncer| syncer.finish_with(map));
        paused.map_err(BlobError::io(&self.path))
    }
}

fn remove_if_there(path: &Path) -> Result<(), BlobError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(BlobError::io(path)),
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if let Some(syncer) = self.syncer.take() {
            // The next attempt fetches again what is not on the map.
            let _ = syncer.finish_with(std::mem::take(&mut self.map));
        }
    }
}
