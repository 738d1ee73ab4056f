//! Compressed images, decompressed while they come.
//!
//! What stands behind the end of the data is taken as the command-line tools take
//! it: gzip and bzip2 go on with another member and ignore anything else, xz
//! allows zeros, zstd skippable frames; else they call the file broken.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use bytes::{Buf, Bytes, BytesMut};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinSet;

use super::body::{Body, Feed, Piece};
use super::error::{Reason, SourceError};
use super::settings::{MAX_CHUNK_BYTES, MAX_WINDOW_BYTES};

/// Chunks that wait on either side of a decompressor: enough that neither side
/// waits for the other at every chunk.
pub(super) const CHUNKS_WAITING: usize = 4;

/// Bytes that tell every format.
pub(super) const MAGIC_BYTES: usize = 6;

/// As a power of two, which is how zstd tells it.
const MAX_WINDOW_LOG: u32 = MAX_WINDOW_BYTES.ilog2();

/// How an image is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 1952.
    Gzip,
    /// bzip2.
    Bzip2,
    /// The .xz format.
    Xz,
    /// RFC 8878.
    Zstd,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 4] = [Format::Gzip, Format::Bzip2, Format::Xz, Format::Zstd];

    /// By the first bytes.
    pub(super) fn by_content(start: &[u8]) -> Option<Format> {
        match start {
            [0x1f, 0x8b, 8, ..] => Some(Format::Gzip),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Format::Bzip2),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Format::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Format::Zstd),
            // A file may begin with a frame to skip, as those of pzstd do.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Format::Zstd),
            _ => None,
        }
    }

    /// By the ending of a file's name, in either case; other files are not compressed.
    pub fn by_ending(path: &Path) -> Option<Format> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        Format::ALL.into_iter().find(|format| format.ending() == ending)
    }

    /// The ending of its files, which manifests name as the compression.
    pub const fn ending(self) -> &'static str {
        match self {
            Format::Gzip => "gz",
            Format::Bzip2 => "bz2",
            Format::Xz => "xz",
            Format::Zstd => "zst",
        }
    }

    /// By the word of a header.
    pub(super) fn by_name(name: &str) -> Option<Format> {
        match name {
            "gzip" | "x-gzip" => Some(Format::Gzip),
            "bzip2" | "x-bzip2" => Some(Format::Bzip2),
            "xz" | "x-xz" => Some(Format::Xz),
            "zstd" => Some(Format::Zstd),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Gzip => "gzip",
            Format::Bzip2 => "bzip2",
            Format::Xz => "xz",
            Format::Zstd => "zstd",
        })
    }
}

/// Bytes that an image may have compressed: no format adds a sixteenth. More would
/// be padding, which gives nothing and never ends.
pub(super) fn largest_packed(bytes: u64) -> u64 {
    bytes.saturating_add(bytes / 16).saturating_add(1024 * 1024)
}

/// Decompresses on a thread of its own.
pub(super) fn unpack(format: Format, feed: Feed, bytes: u64, permit: OwnedSemaphorePermit) -> Body {
    let (host, framed) = (feed.host.clone(), feed.framed);
    let (packed, chunks) = mpsc::channel(CHUNKS_WAITING);
    let (sender, pieces) = mpsc::channel(CHUNKS_WAITING);
    let mut pump = JoinSet::new();
    pump.spawn(carry(feed, packed, bytes));
    let thread_host = host.clone();
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        run(format, chunks, sender, bytes, &thread_host, framed);
    });
    Body::unpacked(host, pieces, pump, bytes)
}

/// Decompresses what comes until its end, and says how it ended. `name` is whose bytes they
/// are, `framed` whether their end was marked.
pub(super) fn run(
    format: Format,
    chunks: mpsc::Receiver<Result<Bytes, SourceError>>,
    sender: mpsc::Sender<Result<Piece, SourceError>>,
    bytes: u64,
    name: &str,
    framed: bool,
) {
    let input = Input::new(chunks);
    let failure = Arc::clone(&input.failure);
    let output = Output { sender: sender.clone(), left: bytes };
    let result = decompress(format, input, output);
    let last = match (failure.get(), result) {
        // Its own failure explains whatever the decompressor made of it.
        (Some(error), _) => Err(error.clone()),
        (None, Ok(())) => Ok(Piece::End),
        (None, Err(Fault::Unwanted)) => return,
        (None, Err(Fault::TooMuch)) => {
            Err(SourceError::never(name, Reason::TooMuch { expected: bytes }))
        }
        (None, Err(Fault::Data(error))) => Err(broken(&error, format, name, framed)),
    };
    // Nobody is there to hear it when the body was dropped.
    let _ = sender.blocking_send(last);
}

/// Brings the compressed bytes to the thread.
async fn carry(mut feed: Feed, packed: mpsc::Sender<Result<Bytes, SourceError>>, bytes: u64) {
    let most = largest_packed(bytes);
    let mut found = 0_u64;
    while let Some(mut next) = feed.next().await.transpose() {
        if let Ok(chunk) = &next {
            found += chunk.len() as u64;
        }
        if found > most {
            let reason = Reason::PackedSize { found, expected: bytes };
            next = Err(SourceError::never(&feed.host, reason));
        }
        let last = next.is_err();
        if packed.send(next).await.is_err() || last {
            return;
        }
    }
}

/// Why decompression ended early.
enum Fault {
    /// Too many bytes.
    TooMuch,
    /// The data.
    Data(io::Error),
    /// The body was dropped.
    Unwanted,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Data(error)
    }
}

fn broken(error: &io::Error, format: Format, host: &str, framed: bool) -> SourceError {
    let cut = error.kind() == io::ErrorKind::UnexpectedEof;
    let reason = Reason::Unpack { format, text: error.to_string() };
    // Without a mark at its end a cut connection looks like an end.
    if cut && !framed {
        SourceError::failed(host, reason)
    } else {
        SourceError::never(host, reason)
    }
}

fn decompress(format: Format, mut input: Input, mut output: Output) -> Result<(), Fault> {
    match format {
        Format::Gzip => loop {
            let mut member = flate2::bufread::GzDecoder::new(input);
            output.take_from(&mut member)?;
            input = member.into_inner();
            if !input.goes_on_with(&[0x1f, 0x8b])? {
                return Ok(());
            }
        },
        Format::Bzip2 => loop {
            let mut stream = bzip2::bufread::BzDecoder::new(input);
            output.take_from(&mut stream)?;
            input = stream.into_inner();
            if !input.goes_on_with(b"BZh")? {
                return Ok(());
            }
        },
        Format::Xz => {
            let several = liblzma::stream::CONCATENATED;
            let stream = liblzma::stream::Stream::new_stream_decoder(MAX_WINDOW_BYTES, several);
            let stream = stream.map_err(io::Error::from)?;
            output.take_from(&mut liblzma::bufread::XzDecoder::new_stream(input, stream))
        }
        Format::Zstd => {
            let mut frames = zstd::stream::read::Decoder::with_buffer(input)?;
            frames.window_log_max(MAX_WINDOW_LOG)?;
            output.take_from(&mut frames)
        }
    }
}

/// Where the image goes.
struct Output {
    sender: mpsc::Sender<Result<Piece, SourceError>>,
    /// Bytes of the image that have not come yet.
    left: u64,
}

impl Output {
    fn take_from(&mut self, decoder: &mut dyn Read) -> Result<(), Fault> {
        loop {
            let mut chunk = BytesMut::zeroed(MAX_CHUNK_BYTES);
            let mut filled = 0;
            let mut end = None;
            while filled < chunk.len() && end.is_none() {
                match decoder.read(&mut chunk[filled..]) {
                    Ok(0) => end = Some(Ok(())),
                    Ok(bytes) => filled += bytes,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => end = Some(Err(Fault::Data(error))),
                }
                // Too many are noticed at the first one, not at the end of a chunk.
                self.left.checked_sub(filled as u64).ok_or(Fault::TooMuch)?;
            }
            self.left -= filled as u64;
            chunk.truncate(filled);
            if filled > 0 {
                let piece = Ok(Piece::Bytes(chunk.freeze()));
                self.sender.blocking_send(piece).map_err(|_| Fault::Unwanted)?;
            }
            if let Some(end) = end {
                return end;
            }
        }
    }
}

/// The compressed bytes, for a thread that waits for them.
struct Input {
    chunks: mpsc::Receiver<Result<Bytes, SourceError>>,
    chunk: Bytes,
    /// What failed before the decompressor; it would say it in its own words.
    failure: Arc<OnceLock<SourceError>>,
}

impl Input {
    fn new(chunks: mpsc::Receiver<Result<Bytes, SourceError>>) -> Input {
        Input { chunks, chunk: Bytes::new(), failure: Arc::default() }
    }

    fn receive(&mut self) -> io::Result<Option<Bytes>> {
        match self.chunks.blocking_recv() {
            None => Ok(None),
            Some(Ok(chunk)) => Ok(Some(chunk)),
            Some(Err(error)) => {
                let text = error.to_string();
                // Only the first counts, and there is only one.
                let _ = self.failure.set(error);
                Err(io::Error::other(text))
            }
        }
    }

    /// Whether these bytes come next; they stay.
    fn goes_on_with(&mut self, magic: &[u8]) -> io::Result<bool> {
        while self.chunk.len() < magic.len() {
            let Some(more) = self.receive()? else { return Ok(false) };
            let mut joined = BytesMut::from(&self.chunk[..]);
            joined.extend_from_slice(&more);
            self.chunk = joined.freeze();
        }
        Ok(self.chunk.starts_with(magic))
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let bytes = available.len().min(buffer.len());
        buffer[..bytes].copy_from_slice(&available[..bytes]);
        self.consume(bytes);
        Ok(bytes)
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.chunk.is_empty() {
            match self.receive()? {
                Some(chunk) => self.chunk = chunk,
                None => break,
            }
        }
        Ok(&self.chunk)
    }

    fn consume(&mut self, bytes: usize) {
        self.chunk.advance(bytes);
    }
}
