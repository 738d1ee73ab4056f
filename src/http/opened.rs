//! An opened blob, and the answers that it can give.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use headers::{ETag, HeaderMapExt, LastModified};

use super::content::{Leave, Segment};
use super::range::{self, Selection};
use super::{conditions, content, refusal};
use crate::model::Sha512;

/// Digits of the SHA-512 in a file name.
const NAME_DIGITS: usize = 32;

const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// A blob, opened for one answer.
#[derive(Debug)]
pub(super) struct Opened {
    file: File,
    sha512: Sha512,
    bytes: u64,
    /// Whole seconds, as HTTP tells it.
    pub(super) modified: SystemTime,
    caching: &'static str,
}

impl Opened {
    pub(super) fn new(file: File, sha512: Sha512, caching: &'static str) -> io::Result<Opened> {
        let metadata = file.metadata()?;
        // A clock that was put back must not make it younger than the answer.
        let modified = metadata.modified()?.min(SystemTime::now());
        let seconds = modified.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let modified = UNIX_EPOCH + Duration::from_secs(seconds);
        Ok(Opened { file, sha512, bytes: metadata.len(), modified, caching })
    }

    /// The entity tag: strong, for the bytes never change.
    pub(super) fn tag(&self) -> ETag {
        // Invariant: quoted hex is a tag.
        #[expect(clippy::expect_used)]
        format!("\"{}\"", self.sha512).parse().expect("a tag")
    }

    /// What every answer says of the blob.
    pub(super) fn description(&self) -> HeaderMap {
        let digest = BASE64.encode(self.sha512.as_bytes());
        let name = &self.sha512.to_string()[..NAME_DIGITS];
        let mut headers = HeaderMap::new();
        headers.typed_insert(headers::AcceptRanges::bytes());
        headers.typed_insert(self.tag());
        headers.typed_insert(LastModified::from(self.modified));
        set(&mut headers, header::CACHE_CONTROL, self.caching);
        let disposition = format!("attachment; filename=\"suq-{name}.img\"");
        set(&mut headers, header::CONTENT_DISPOSITION, &disposition);
        set(&mut headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        // Of the whole blob, also in an answer with a part of it: RFC 9530, and RFC 3230,
        // which aria2 reads.
        let (repr, old) = (format!("sha-512=:{digest}:"), format!("SHA-512={digest}"));
        set(&mut headers, HeaderName::from_static("repr-digest"), &repr);
        set(&mut headers, HeaderName::from_static("digest"), &old);
        headers
    }

    /// The answer to a `GET` whose conditions hold.
    pub(super) fn send(self, headers: &HeaderMap, leave: Leave) -> Response {
        let wanted = self.wanted(headers);
        let selection = wanted.map_or(Selection::Whole, |wanted| range::select(wanted, self.bytes));
        match selection {
            Selection::Whole => {
                let bytes = self.bytes;
                let whole = Segment::File(0..bytes);
                let head = self.whole(Body::empty());
                head.map(|_| content::body(self.file, vec![whole], leave))
            }
            Selection::Parts(parts) => match parts.as_slice() {
                [part] => self.part(part.clone(), leave),
                parts => self.multipart(parts, leave),
            },
            Selection::Unsatisfiable => self.no_part("None of these bytes exist"),
            Selection::Excessive => self.no_part(&format!(
                "Too many ranges, or too many that overlap (at most {} are sent)",
                range::MAX_RANGES
            )),
        }
    }

    /// The one `Range` header, when it is for these bytes.
    fn wanted<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let mut lines = headers.get_all(header::RANGE).iter();
        let (range, None) = (lines.next()?.to_str().ok()?, lines.next()) else { return None };
        conditions::range_applies(headers, &self.description()).then_some(range)
    }

    /// The whole blob: 200.
    pub(super) fn whole(&self, body: Body) -> Response {
        let head = [(header::CONTENT_TYPE, OCTETS), (header::CONTENT_LENGTH, self.bytes.into())];
        (StatusCode::OK, head, body).into_response()
    }

    /// One part: 206.
    fn part(self, part: Range<u64>, leave: Leave) -> Response {
        let length = HeaderValue::from(part.end - part.start);
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, OCTETS);
        headers.insert(header::CONTENT_LENGTH, length);
        set(&mut headers, header::CONTENT_RANGE, &content_range(&part, self.bytes));
        let body = content::body(self.file, vec![Segment::File(part)], leave);
        (StatusCode::PARTIAL_CONTENT, headers, body).into_response()
    }

    /// Several parts: 206 with `multipart/byteranges` (RFC 9110 §14.6).
    fn multipart(self, parts: &[Range<u64>], leave: Leave) -> Response {
        // Drawn after the image was made, so that no image contains it but by chance.
        let boundary = format!("suq-{:032x}", fastrand::u128(..));
        let mut segments = Vec::with_capacity(2 * parts.len() + 1);
        let mut length = 0;
        let mut text = |segments: &mut Vec<Segment>, text: String| {
            length += text.len() as u64;
            segments.push(Segment::Text(Bytes::from(text)));
        };
        for part in parts {
            let range = content_range(part, self.bytes);
            text(
                &mut segments,
                format!(
                    "\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\n\
                     Content-Range: {range}\r\n\r\n"
                ),
            );
            segments.push(Segment::File(part.clone()));
        }
        text(&mut segments, format!("\r\n--{boundary}--\r\n"));
        length += parts.iter().map(|part| part.end - part.start).sum::<u64>();
        let mut headers = HeaderMap::new();
        let kind = format!("multipart/byteranges; boundary={boundary}");
        set(&mut headers, header::CONTENT_TYPE, &kind);
        headers.insert(header::CONTENT_LENGTH, length.into());
        let body = content::body(self.file, segments, leave);
        (StatusCode::PARTIAL_CONTENT, headers, body).into_response()
    }

    /// No part: 416.
    fn no_part(&self, why: &str) -> Response {
        let message = format!("{why}: the image has {} bytes.", self.bytes);
        let mut response = refusal::text(StatusCode::RANGE_NOT_SATISFIABLE, &message);
        let range = format!("bytes */{}", self.bytes);
        set(response.headers_mut(), header::CONTENT_RANGE, &range);
        response
    }
}

/// `bytes first-last/all`
fn content_range(part: &Range<u64>, bytes: u64) -> String {
    format!("bytes {}-{}/{bytes}", part.start, part.end - 1)
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // Invariant: what is set here is printable ASCII.
    #[expect(clippy::expect_used)]
    headers.insert(name, HeaderValue::from_str(value).expect("printable ASCII"));
}
