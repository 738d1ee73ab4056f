//! A blob on its way in: written piece by piece, hashed as it arrives, resumed
//! after a crash.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::hash::{CHUNK_BYTES, Hasher};
use super::place::place;
use super::reserve::Claim;
use super::{Blob, BlobError, Blobs, PIECE_BYTES};
use crate::model::{Algorithm, Checksums};
use crate::wire::ByteRange;

/// Bytes after which the disk is told to write, so that the last sync is short.
const SYNC_BYTES: u64 = 32 * 1024 * 1024;

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
    pub(super) fn compare(&self, bytes: u64, found: &Checksums) -> Result<(), BlobError> {
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
}

/// A blob that is being received.
pub struct Incoming {
    blobs: Blobs,
    expected: Expected,
    path: PathBuf,
    file: Arc<File>,
    map_path: PathBuf,
    /// One octet for each piece: 1 when it is complete.
    map: Vec<u8>,
    /// Bytes of each piece that have arrived since the start.
    filled: Vec<u64>,
    hasher: Hasher,
    unsynced: u64,
    syncer: Syncer,
}

/// Syncs the file on a thread of its own, so that writing goes on meanwhile.
struct Syncer {
    wanted: SyncSender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl Syncer {
    fn start(file: Arc<File>) -> Syncer {
        let (wanted, receiver) = sync_channel::<()>(1);
        let thread = std::thread::spawn(move || {
            for () in receiver {
                file.sync_data()?;
            }
            file.sync_all()
        });
        Syncer { wanted, thread }
    }

    fn finish(self) -> io::Result<()> {
        drop(self.wanted);
        self.thread.join().map_err(|_| io::Error::other("the syncing thread died"))?
    }
}

impl Incoming {
    /// Begins to receive a blob, or goes on where an earlier attempt ended.
    ///
    /// # Errors
    /// When there is no space for what is missing, or another process receives
    /// the same blob.
    pub fn begin(blobs: &Blobs, expected: Expected) -> Result<Incoming, BlobError> {
        let path = blobs.partial_folder().join(expected.name());
        let map_path = path.with_extension("map");
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(BlobError::io(&path))?;
        let claim = Claim::take(blobs, &path, &file)?;
        let pieces = expected.bytes.div_ceil(PIECE_BYTES) as usize;
        let map = fs::read(&map_path).ok().filter(|map| map.len() == pieces);
        let map = map.unwrap_or_else(|| vec![0; pieces]);
        let missing = map.iter().filter(|piece| **piece == 0).count() as u64 * PIECE_BYTES;
        claim.promise(expected.bytes, missing)?;
        let file = Arc::new(file);
        // The names it is stored under are computed even when not listed.
        let listed: Vec<Algorithm> = Algorithm::ALL
            .into_iter()
            .filter(|algorithm| {
                expected.checksums.value(*algorithm).is_some()
                    || matches!(algorithm, Algorithm::Sha1 | Algorithm::Sha512)
            })
            .collect();
        Ok(Incoming {
            blobs: blobs.clone(),
            filled: vec![0; map.len()],
            hasher: Hasher::new(&listed),
            syncer: Syncer::start(Arc::clone(&file)),
            unsynced: 0,
            expected,
            path,
            file,
            map_path,
            map,
        })
    }

    /// What has not arrived, in order.
    pub fn missing(&self) -> Vec<ByteRange> {
        let mut ranges: Vec<ByteRange> = Vec::new();
        for (piece, complete) in self.map.iter().enumerate() {
            if *complete == 1 {
                continue;
            }
            let offset = piece as u64 * PIECE_BYTES;
            let length = PIECE_BYTES.min(self.expected.bytes - offset);
            match ranges.last_mut() {
                Some(last) if last.offset + last.length == offset => last.length += length,
                _ => ranges.push(ByteRange { offset, length }),
            }
        }
        ranges
    }

    /// Bytes that were complete when it began.
    pub fn resumed(&self) -> u64 {
        self.expected.bytes - self.missing().iter().map(|range| range.length).sum::<u64>()
    }

    /// Takes bytes that arrived. Those of one piece must come in order.
    pub fn write(&mut self, offset: u64, chunk: &Arc<Vec<u8>>) -> Result<(), BlobError> {
        self.catch_up(offset)?;
        if self.hasher.bytes() == offset {
            self.hasher.update(chunk);
        }
        self.file.write_all_at(chunk, offset).map_err(|error| self.write_failed(error))?;
        self.mark(offset, chunk.len() as u64)?;
        self.unsynced += chunk.len() as u64;
        if self.unsynced >= SYNC_BYTES && self.syncer.wanted.try_send(()).is_ok() {
            self.unsynced = 0;
        }
        Ok(())
    }

    fn write_failed(&self, error: io::Error) -> BlobError {
        match BlobError::io(&self.path)(error) {
            BlobError::NoSpace { folder, .. } => {
                let needed = self.missing().iter().map(|range| range.length).sum();
                BlobError::NoSpace { folder, needed, available: 0 }
            }
            other => other,
        }
    }

    /// Notes what of a chunk completes pieces.
    fn mark(&mut self, offset: u64, length: u64) -> Result<(), BlobError> {
        let (mut at, end) = (offset, offset + length);
        let mut changed = false;
        while at < end {
            let piece = (at / PIECE_BYTES) as usize;
            let piece_end = ((piece as u64 + 1) * PIECE_BYTES).min(self.expected.bytes);
            let here = end.min(piece_end) - at;
            if let (Some(filled), Some(complete)) =
                (self.filled.get_mut(piece), self.map.get_mut(piece))
            {
                *filled += here;
                if *filled == piece_end - piece as u64 * PIECE_BYTES {
                    *complete = 1;
                    changed = true;
                }
            }
            at += here;
        }
        if changed {
            // Not synced: after a power loss the whole-file checksums decide.
            fs::write(&self.map_path, &self.map).map_err(BlobError::io(&self.map_path))?;
        }
        Ok(())
    }

    /// Hashes what an earlier attempt left before this offset.
    fn catch_up(&mut self, until: u64) -> Result<(), BlobError> {
        while self.hasher.bytes() < until {
            let at = self.hasher.bytes();
            let piece = (at / PIECE_BYTES) as usize;
            if self.map.get(piece) != Some(&1) {
                return Ok(());
            }
            let length = (until - at).min(CHUNK_BYTES as u64).min(PIECE_BYTES - at % PIECE_BYTES);
            let mut chunk = vec![0; length as usize];
            self.file.read_exact_at(&mut chunk, at).map_err(BlobError::io(&self.path))?;
            self.hasher.update(&Arc::new(chunk));
        }
        Ok(())
    }

    /// Verifies everything and gives the blob its name.
    ///
    /// # Errors
    /// A checksum that differs deletes what arrived: it cannot be told which
    /// piece is wrong.
    pub fn finish(mut self) -> Result<Blob, BlobError> {
        self.catch_up(self.expected.bytes)?;
        let Incoming { blobs, expected, path, map_path, hasher, syncer, .. } = self;
        let bytes = hasher.bytes();
        let found = hasher.finish().map_err(BlobError::io(&path))?;
        syncer.finish().map_err(BlobError::io(&path))?;
        if let Err(error) = expected.compare(bytes, &found) {
            discard(&path, &map_path);
            return Err(error);
        }
        let blob = place(&blobs, &path, bytes, &found)?;
        let _ = fs::remove_file(&map_path);
        Ok(blob)
    }
}

fn discard(path: &Path, map_path: &Path) {
    // What stays behind would only be found wrong again.
    let _ = fs::remove_file(path);
    let _ = fs::remove_file(map_path);
}
