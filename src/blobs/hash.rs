//! Several checksums in one pass, each on a thread of its own.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use bytes::Bytes;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use sha2::Digest as _;

use super::PIECE_BYTES;
use crate::manifest::PieceList;
use crate::model::{Algorithm, Checksum, Checksums, Sha256};
use crate::wire::PieceDigests;

/// Bytes that are read, hashed and written at once.
pub const CHUNK_BYTES: usize = 1024 * 1024;

/// Chunks that wait for the slowest thread: up to a piece each, all threads share them.
const WAITING_CHUNKS: usize = 2;

type Digest = Result<Vec<u8>, ErrorStack>;

/// Computes several checksums of one stream of bytes.
pub struct Hasher {
    lanes: Vec<(Algorithm, Lane<Digest>)>,
    bytes: u64,
}

/// Computes the SHA-256 of every piece of a stream of bytes.
pub(super) struct PieceHasher(Lane<PieceDigests>);

/// A thread and what it is given.
struct Lane<T> {
    chunks: SyncSender<Bytes>,
    thread: JoinHandle<T>,
}

impl<T: Send + 'static> Lane<T> {
    fn start(work: impl FnOnce(Receiver<Bytes>) -> T + Send + 'static) -> Lane<T> {
        let (chunks, receiver) = sync_channel(WAITING_CHUNKS);
        Lane { chunks, thread: std::thread::spawn(move || work(receiver)) }
    }

    /// Waits when the thread cannot keep up.
    fn give(&self, chunk: &Bytes) {
        // A lane that failed says so at the end.
        let _ = self.chunks.send(chunk.clone());
    }

    fn finish(self) -> io::Result<T> {
        drop(self.chunks);
        self.thread.join().map_err(|_| io::Error::other("a hashing thread died"))
    }
}

impl Hasher {
    /// A hasher for these algorithms.
    pub fn new(algorithms: &[Algorithm]) -> Hasher {
        let lane = |algorithm: &Algorithm| {
            let digest = message_digest(*algorithm);
            (*algorithm, Lane::start(move |chunks| digest_of(digest, chunks)))
        };
        Hasher { lanes: algorithms.iter().map(lane).collect(), bytes: 0 }
    }

    /// Hashes the next bytes. Waits when the threads cannot keep up.
    pub fn update(&mut self, chunk: &Bytes) {
        self.bytes += chunk.len() as u64;
        self.lanes.iter().for_each(|(_, lane)| lane.give(chunk));
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The checksums of everything.
    pub fn finish(self) -> io::Result<Checksums> {
        let mut checksums = Checksums::default();
        for (algorithm, lane) in self.lanes {
            let digest = lane.finish()?.map_err(io::Error::other)?;
            let hex = data_encoding::HEXLOWER.encode(&digest);
            checksums.insert(Checksum::new(algorithm, &hex).map_err(io::Error::other)?);
        }
        Ok(checksums)
    }
}

fn digest_of(digest: MessageDigest, chunks: Receiver<Bytes>) -> Digest {
    let mut hasher = openssl::hash::Hasher::new(digest)?;
    for chunk in chunks {
        hasher.update(&chunk)?;
    }
    hasher.finish().map(|digest| digest.to_vec())
}

impl PieceHasher {
    pub(super) fn new() -> PieceHasher {
        PieceHasher(Lane::start(|chunks| {
            let mut pieces = Pieces::default();
            chunks.into_iter().for_each(|chunk| pieces.update(&chunk));
            pieces.finish()
        }))
    }

    /// Hashes the next bytes.
    pub(super) fn update(&mut self, chunk: &Bytes) {
        self.0.give(chunk);
    }

    /// The digests of everything.
    pub(super) fn finish(self) -> io::Result<PieceDigests> {
        self.0.finish()
    }
}

#[derive(Default)]
struct Pieces {
    digests: Vec<Sha256>,
    piece: sha2::Sha256,
    filled: u64,
}

impl Pieces {
    fn update(&mut self, mut octets: &[u8]) {
        while !octets.is_empty() {
            let length = (octets.len() as u64).min(PIECE_BYTES - self.filled) as usize;
            let (here, rest) = octets.split_at(length);
            self.piece.update(here);
            self.filled += length as u64;
            if self.filled == PIECE_BYTES {
                self.end_piece();
            }
            octets = rest;
        }
    }

    fn end_piece(&mut self) {
        self.filled = 0;
        self.digests.push(Sha256::from_bytes(self.piece.finalize_reset().into()));
    }

    fn finish(mut self) -> PieceDigests {
        if self.filled > 0 {
            self.end_piece();
        }
        PieceDigests::new(self.digests)
    }
}

fn message_digest(algorithm: Algorithm) -> MessageDigest {
    match algorithm {
        Algorithm::Md5 => MessageDigest::md5(),
        Algorithm::Sha1 => MessageDigest::sha1(),
        Algorithm::Sha256 => MessageDigest::sha256(),
        Algorithm::Sha512 => MessageDigest::sha512(),
    }
}

/// What was computed of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hashed {
    /// Its checksums.
    pub checksums: Checksums,
    /// Its size.
    pub bytes: u64,
    /// The digests of its pieces.
    pub pieces: PieceDigests,
}

impl Hashed {
    /// What a manifest signs of its pieces.
    pub fn piece_list(&self) -> PieceList {
        PieceList { piece_bytes: PIECE_BYTES as u32, digest: self.pieces.digest() }
    }
}

/// The checksums and the size of a file, in one pass; `progress` is told of the
/// bytes of every chunk.
pub fn hash_file(
    path: &Path,
    algorithms: &[Algorithm],
    mut progress: impl FnMut(u64),
) -> io::Result<Hashed> {
    let mut file = File::open(path)?;
    let chunks = std::iter::from_fn(|| read_chunk(&mut file).transpose());
    hash_chunks(
        chunks.inspect(|chunk| {
            if let Ok(chunk) = chunk {
                progress(chunk.len() as u64);
            }
        }),
        algorithms,
    )
}

/// The same of bytes as they come, until the first error.
pub fn hash_chunks<E: From<io::Error>>(
    chunks: impl Iterator<Item = Result<Bytes, E>>,
    algorithms: &[Algorithm],
) -> Result<Hashed, E> {
    let (mut hasher, mut pieces) = (Hasher::new(algorithms), PieceHasher::new());
    for chunk in chunks {
        let chunk = chunk?;
        hasher.update(&chunk);
        pieces.update(&chunk);
    }
    let bytes = hasher.bytes();
    Ok(Hashed { checksums: hasher.finish()?, bytes, pieces: pieces.finish()? })
}

/// The next bytes of a reader, at most [`CHUNK_BYTES`]; none at its end.
pub(super) fn read_chunk(reader: &mut impl Read) -> io::Result<Option<Bytes>> {
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    reader.take(CHUNK_BYTES as u64).read_to_end(&mut chunk)?;
    Ok((!chunk.is_empty()).then(|| Bytes::from(chunk)))
}
