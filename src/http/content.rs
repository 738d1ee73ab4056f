//! The body of an answer: parts of a file and text between them, read as the client
//! takes them.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use axum::body::{Body, Bytes};
use futures::stream;
use tokio::sync::OwnedSemaphorePermit;

use crate::node::Payer;

/// What is read at a time, in bytes: enough that a disk and a thread are asked seldom,
/// little enough that a hundred readers cost tens of megabytes.
const READ_BYTES: u64 = 512 * 1024;

/// A part of a body.
#[derive(Debug)]
pub(super) enum Segment {
    /// These octets.
    Text(Bytes),
    /// These bytes of the file.
    File(Range<u64>),
}

/// What an answer may take of the node.
#[derive(Debug)]
pub(super) struct Leave {
    /// Given back when the answer ends, however it ends.
    pub(super) _place: OwnedSemaphorePermit,
    /// Pays for every byte of the file.
    pub(super) payer: Payer,
}

struct Reading {
    file: File,
    segments: VecDeque<Segment>,
    leave: Leave,
}

/// A body of these segments of a file.
pub(super) fn body(file: File, segments: Vec<Segment>, leave: Leave) -> Body {
    let reading = Reading { file, segments: segments.into(), leave };
    Body::from_stream(stream::try_unfold(reading, next))
}

async fn next(mut reading: Reading) -> io::Result<Option<(Bytes, Reading)>> {
    match reading.segments.pop_front() {
        None => Ok(None),
        Some(Segment::Text(octets)) => Ok(Some((octets, reading))),
        Some(Segment::File(range)) => {
            let portion = reading.leave.payer.portion(READ_BYTES);
            let end = range.end.min(range.start.saturating_add(portion));
            reading.leave.payer.pay(end - range.start).await;
            if end < range.end {
                reading.segments.push_front(Segment::File(end..range.end));
            }
            let read = tokio::task::spawn_blocking(move || {
                let octets = read(&mut reading.file, range.start..end)?;
                Ok(Some((octets, reading)))
            });
            read.await.map_err(io::Error::other)?
        }
    }
}

fn read(file: &mut File, range: Range<u64>) -> io::Result<Bytes> {
    let length = range.end - range.start;
    // At most READ_BYTES.
    let mut octets = Vec::with_capacity(length as usize);
    file.seek(SeekFrom::Start(range.start))?;
    let read = file.take(length).read_to_end(&mut octets)?;
    if (read as u64) < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(octets.into())
}
