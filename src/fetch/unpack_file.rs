//! A compressed file of this machine, decompressed while it is read.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;

use super::body::Piece;
use super::error::{Reason, SourceError};
use super::settings::MAX_CHUNK_BYTES;
use super::unpack::{CHUNKS_WAITING, Format, run};

/// What comes out of a compressed file. Two threads read and decompress it; they end when
/// it is dropped.
pub struct UnpackedFile {
    pieces: mpsc::Receiver<Result<Piece, SourceError>>,
    taken: Arc<AtomicU64>,
    over: bool,
}

impl UnpackedFile {
    /// Opens a file that is compressed like this.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn open(path: &Path, format: Format) -> io::Result<UnpackedFile> {
        let file = File::open(path)?;
        let name = path.display().to_string();
        let (packed, chunks) = mpsc::channel(CHUNKS_WAITING);
        let (sender, pieces) = mpsc::channel(CHUNKS_WAITING);
        let taken = Arc::new(AtomicU64::new(0));
        let (counter, reader) = (Arc::clone(&taken), name.clone());
        std::thread::Builder::new().spawn(move || read(file, &reader, &counter, &packed))?;
        // Its owner's file: it may be as large as it likes, for nothing of it is kept.
        std::thread::Builder::new()
            .spawn(move || run(format, chunks, sender, u64::MAX, &name, true))?;
        Ok(UnpackedFile { pieces, taken, over: false })
    }

    /// Bytes of the compressed file that were read so far.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

/// The image's bytes, until the first error.
impl Iterator for UnpackedFile {
    type Item = Result<Bytes, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let next = match self.pieces.blocking_recv() {
            Some(Ok(Piece::Bytes(bytes))) => return Some(Ok(bytes)),
            Some(Ok(Piece::End)) => None,
            Some(Err(error)) => Some(Err(error)),
            // A thread that died said nothing.
            None => Some(Err(SourceError::never("the file", Reason::UnpackerStopped))),
        };
        self.over = true;
        next
    }
}

fn read(
    mut file: File,
    name: &str,
    taken: &AtomicU64,
    packed: &mpsc::Sender<Result<Bytes, SourceError>>,
) {
    loop {
        let mut chunk = BytesMut::zeroed(MAX_CHUNK_BYTES);
        let next = match file.read(&mut chunk) {
            Ok(0) => return,
            Ok(bytes) => {
                taken.fetch_add(bytes as u64, Ordering::Relaxed);
                chunk.truncate(bytes);
                Ok(chunk.freeze())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(SourceError::never(name, Reason::Unreadable(error.to_string()))),
        };
        let last = next.is_err();
        // Nobody is there to take it when the other end was dropped.
        if packed.blocking_send(next).is_err() || last {
            return;
        }
    }
}
