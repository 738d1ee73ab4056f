//! Several checksums in one pass, each on a thread of its own.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use openssl::hash::MessageDigest;
use sha2::Digest;

use super::PIECE_BYTES;
use crate::manifest::PieceList;
use crate::model::{Algorithm, Checksum, Checksums, Sha256};
use crate::wire::PieceDigests;

/// Bytes that are read, hashed and written at once.
pub const CHUNK_BYTES: usize = 1024 * 1024;

/// Chunks that wait for the slowest thread: up to a piece each, all threads share them.
const WAITING_CHUNKS: usize = 2;

/// Computes several checksums of one stream of bytes.
pub struct Hasher {
    lanes: Vec<Lane>,
    bytes: u64,
}

/// Computes the SHA-256 of every piece of a stream of bytes.
#[derive(Default)]
pub(super) struct PieceHasher {
    digests: Vec<Sha256>,
    piece: sha2::Sha256,
    filled: u64,
}

impl PieceHasher {
    /// Hashes the next bytes.
    pub(super) fn update(&mut self, mut octets: &[u8]) {
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

    /// The digests of everything.
    pub(super) fn finish(mut self) -> PieceDigests {
        if self.filled > 0 {
            self.end_piece();
        }
        PieceDigests::new(self.digests)
    }
}

struct Lane {
    algorithm: Algorithm,
    chunks: SyncSender<Arc<Vec<u8>>>,
    thread: JoinHandle<Result<Vec<u8>, openssl::error::ErrorStack>>,
}

impl Hasher {
    /// A hasher for these algorithms.
    pub fn new(algorithms: &[Algorithm]) -> Hasher {
        Hasher {
            lanes: algorithms.iter().map(|algorithm| Lane::start(*algorithm)).collect(),
            bytes: 0,
        }
    }

    /// Hashes the next bytes. Waits when the threads cannot keep up.
    pub fn update(&mut self, chunk: &Arc<Vec<u8>>) {
        self.bytes += chunk.len() as u64;
        for lane in &self.lanes {
            // A lane that failed says so at the end.
            let _ = lane.chunks.send(Arc::clone(chunk));
        }
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The checksums of everything.
    pub fn finish(self) -> io::Result<Checksums> {
        let mut checksums = Checksums::default();
        for Lane { algorithm, chunks, thread } in self.lanes {
            drop(chunks);
            let digest = thread.join().map_err(|_| io::Error::other("a hashing thread died"))?;
            let digest = digest.map_err(io::Error::other)?;
            let hex = data_encoding::HEXLOWER.encode(&digest);
            checksums.insert(Checksum::new(algorithm, &hex).map_err(io::Error::other)?);
        }
        Ok(checksums)
    }
}

impl Lane {
    fn start(algorithm: Algorithm) -> Lane {
        let (chunks, receiver) = sync_channel::<Arc<Vec<u8>>>(WAITING_CHUNKS);
        let thread = std::thread::spawn(move || {
            let mut hasher = openssl::hash::Hasher::new(message_digest(algorithm))?;
            for chunk in receiver {
                hasher.update(&chunk)?;
            }
            hasher.finish().map(|digest| digest.to_vec())
        });
        Lane { algorithm, chunks, thread }
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
    let (mut hasher, mut pieces) = (Hasher::new(algorithms), PieceHasher::default());
    while let Some(chunk) = read_chunk(&mut file)? {
        progress(chunk.len() as u64);
        hasher.update(&chunk);
        pieces.update(&chunk);
    }
    let bytes = hasher.bytes();
    Ok(Hashed { checksums: hasher.finish()?, bytes, pieces: pieces.finish() })
}

/// The next bytes of a reader, at most [`CHUNK_BYTES`]; none at its end.
pub(super) fn read_chunk(reader: &mut impl Read) -> io::Result<Option<Arc<Vec<u8>>>> {
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    reader.take(CHUNK_BYTES as u64).read_to_end(&mut chunk)?;
    Ok((!chunk.is_empty()).then(|| Arc::new(chunk)))
}
