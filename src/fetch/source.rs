//! A URL that was asked once, and what it turned out to be.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use hyper::body::Incoming;
use hyper::{HeaderMap, Response, StatusCode};
use url::Url;

use super::answer::{Seal, content_length, content_range, encoding, framed};
use super::body::{Body, Feed};
use super::client::{Ask, Client, host, parse};
use super::error::{Reason, SourceError};
use super::unpack::{Format, MAGIC_BYTES, largest_packed, unpack};

/// Bytes asked for first: enough to know the content by, little to throw away.
const PROBE_BYTES: u64 = 64;

/// How a source can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Any range, also several at once.
    Ranges,
    /// From the start to the end: no ranges, or compressed.
    Sequential,
}

/// A location of an image that answered and has the right size, as far as its
/// head tells.
pub struct Source {
    client: Client,
    origin: Url,
    /// Where the redirects led; some lead there for a few minutes only.
    place: Mutex<Url>,
    bytes: u64,
    access: Access,
    format: Option<Format>,
    seal: Seal,
}

impl Client {
    /// Asks a URL for an image of that many bytes; it may be compressed.
    ///
    /// # Errors
    /// When it cannot be reached, may not be, or is something else.
    pub async fn open(&self, url: &str, bytes: u64) -> Result<Source, SourceError> {
        let origin = parse(url)?;
        let probe = Ask { range: Some((0, PROBE_BYTES - 1)), of: None };
        let (mut place, mut response) = self.ask(&origin, &probe).await?;
        let mut total = probed(&response);
        let ranges = total.is_some();
        let unusable = response.status() != StatusCode::OK && !ranges;
        if unusable {
            if let Some(found) = refused_length(&response) {
                let reason = Reason::Size { found, expected: bytes };
                return Err(SourceError::never(&host(&place), reason));
            }
            (place, response) = self.ask(&origin, &Ask::default()).await?;
        }
        if !ranges {
            whole(&host(&place), &response)?;
            total = content_length(response.headers());
        }
        let seal = Seal::new(response.headers(), total);
        let (head, incoming) = response.into_parts();
        let mut feed = Feed::new(host(&place), incoming, self.stall(), framed(&head.headers));
        let start = feed.start(MAGIC_BYTES).await?;
        let format = recognise(&head.headers, &start, total, bytes)
            .map_err(|reason| SourceError::never(&host(&place), reason))?;
        if ranges {
            feed.finish(PROBE_BYTES).await?;
        }
        let access = if ranges && format.is_none() { Access::Ranges } else { Access::Sequential };
        let client = self.clone();
        Ok(Source { client, origin, place: Mutex::new(place), bytes, access, format, seal })
    }
}

impl Source {
    /// How it can be read.
    pub fn access(&self) -> Access {
        self.access
    }

    /// How it is compressed.
    pub fn format(&self) -> Option<Format> {
        self.format
    }

    /// Host and port that the bytes come from, for people.
    pub fn host(&self) -> String {
        host(&self.place())
    }

    /// Reads some of the bytes: the first of the range, not the one after its end.
    ///
    /// # Errors
    /// `Changed` when it is not the file any more that was opened.
    pub async fn read(&self, range: Range<u64>) -> Result<Body, SourceError> {
        let Range { start, end } = range;
        if self.access != Access::Ranges || start >= end || end > self.bytes {
            return Err(SourceError::never(&self.host(), Reason::NoSuchRange { start, end }));
        }
        let ask = Ask { range: Some((start, end - 1)), of: self.seal.condition() };
        let response = self.ask(&ask).await?;
        let host = self.host();
        let changed = |reason| SourceError::changed(&host, reason);
        let headers = response.headers();
        let found = content_range(headers);
        let total = found.and_then(|found| found.total);
        self.seal.check(headers, total).map_err(changed)?;
        let right = found.and_then(|found| found.range) == Some((start, end - 1));
        let length = content_length(headers).is_none_or(|length| length == end - start);
        if response.status() != StatusCode::PARTIAL_CONTENT || !right || !length {
            return Err(changed(Reason::OtherRange));
        }
        Ok(Body::plain(self.feed(response), end - start))
    }

    /// Reads the image from its first byte to its last, decompressed.
    ///
    /// # Errors
    /// `Changed` when it is not the file any more that was opened.
    pub async fn read_all(&self) -> Result<Body, SourceError> {
        let permit = match self.format {
            Some(format) => Some((format, self.client.unpacker(&self.host())?)),
            None => None,
        };
        let response = self.ask(&Ask::default()).await?;
        whole(&self.host(), &response)?;
        let total = content_length(response.headers());
        let host = self.host();
        self.seal
            .check(response.headers(), total)
            .map_err(|reason| SourceError::changed(&host, reason))?;
        let feed = self.feed(response);
        Ok(match permit {
            Some((format, permit)) => unpack(format, feed, self.bytes, permit),
            None => Body::plain(feed, self.bytes),
        })
    }

    fn place(&self) -> Url {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn feed(&self, response: Response<Incoming>) -> Feed {
        let framed = framed(response.headers());
        Feed::new(self.host(), response.into_body(), self.client.stall(), framed)
    }

    /// Asks where the redirects led; when that is gone, from the beginning.
    async fn ask(&self, ask: &Ask) -> Result<Response<Incoming>, SourceError> {
        let place = self.place();
        match self.client.ask(&place, ask).await {
            Ok((_, response)) => Ok(response),
            Err(error) if place != self.origin && is_gone(&error) => {
                let (place, response) = self.client.ask(&self.origin, ask).await?;
                *self.place.lock().unwrap_or_else(PoisonError::into_inner) = place;
                Ok(response)
            }
            Err(error) => Err(error),
        }
    }
}

fn is_gone(error: &SourceError) -> bool {
    matches!(error.reason(), Reason::Status(400 | 401 | 403 | 404 | 410))
}

/// The length of the file, when the answer to the first question shows that the
/// server serves ranges.
fn probed(response: &Response<Incoming>) -> Option<u64> {
    if response.status() != StatusCode::PARTIAL_CONTENT {
        return None;
    }
    let found = content_range(response.headers())?;
    let (total, (first, last)) = (found.total?, found.range?);
    let expected = PROBE_BYTES.min(total);
    let length = content_length(response.headers()).is_none_or(|length| length == expected);
    (first == 0 && last + 1 == expected && length).then_some(total)
}

/// The length of a file without the first byte, as a refusal tells it.
fn refused_length(response: &Response<Incoming>) -> Option<u64> {
    let refused = response.status() == StatusCode::RANGE_NOT_SATISFIABLE;
    content_range(response.headers()).filter(|_| refused)?.total
}

/// An answer to a question for everything must be everything.
fn whole(host: &str, response: &Response<Incoming>) -> Result<(), SourceError> {
    if response.status() == StatusCode::OK {
        return Ok(());
    }
    Err(SourceError::never(host, Reason::Status(response.status().as_u16())))
}

/// Decides what the content is: the image, or the image compressed.
fn recognise(
    headers: &HeaderMap,
    start: &[u8],
    total: Option<u64>,
    bytes: u64,
) -> Result<Option<Format>, Reason> {
    if total == Some(bytes) {
        return Ok(None);
    }
    let encoding = encoding(headers);
    let named = encoding.as_deref().and_then(Format::by_name);
    if let Some(format) = Format::by_content(start).or(named) {
        return match total {
            Some(found) if found > largest_packed(bytes) => {
                Err(Reason::PackedSize { found, expected: bytes })
            }
            _ => Ok(Some(format)),
        };
    }
    match (encoding, total) {
        (Some(name), _) => Err(Reason::Encoding(name.chars().take(32).collect())),
        (None, Some(found)) => Err(Reason::Size { found, expected: bytes }),
        (None, None) => Ok(None),
    }
}
