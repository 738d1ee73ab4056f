//! What the head of an answer says about the file.

use std::time::{Duration, SystemTime};

use hyper::HeaderMap;
use hyper::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderName, LAST_MODIFIED, RETRY_AFTER,
    TRANSFER_ENCODING,
};

use super::error::Reason;
use super::settings::{BUSY_SECONDS, MAX_BUSY_SECONDS};

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Which bytes of how many an answer carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ContentRange {
    /// First and last byte.
    pub(super) range: Option<(u64, u64)>,
    /// All bytes of the file.
    pub(super) total: Option<u64>,
}

/// `bytes 0-63/1000`, `bytes 0-63/*` or `bytes */1000`.
pub(super) fn content_range(headers: &HeaderMap) -> Option<ContentRange> {
    let (unit, rest) = text(headers, CONTENT_RANGE)?.split_once(' ')?;
    let (range, total) = rest.trim().split_once('/')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let total = match total.trim() {
        "*" => None,
        total => Some(number(total)?),
    };
    let range = match range.trim() {
        "*" => None,
        range => {
            let (first, last) = range.split_once('-')?;
            Some((number(first)?, number(last)?))
        }
    };
    let fits = match (range, total) {
        (Some((first, last)), Some(total)) => first <= last && last < total,
        (Some((first, last)), None) => first <= last,
        (None, total) => total.is_some(),
    };
    fits.then_some(ContentRange { range, total })
}

/// Digits and nothing else: `parse` would take a sign.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|c| c.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Bytes of the body, when the head tells them.
pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    number(text(headers, CONTENT_LENGTH)?)
}

/// Whether the end of the body is marked, so that a cut connection is noticed.
pub(super) fn framed(headers: &HeaderMap) -> bool {
    headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING)
}

/// What the server did to the content, although it was asked not to.
pub(super) fn encoding(headers: &HeaderMap) -> Option<String> {
    let name = text(headers, CONTENT_ENCODING)?.to_ascii_lowercase();
    (!name.is_empty() && name != "identity").then_some(name)
}

/// How long a busy server wants to be left alone, bounded.
pub(super) fn wait(headers: &HeaderMap) -> Duration {
    let said = text(headers, RETRY_AFTER).and_then(|said| {
        let date = || httpdate::parse_http_date(said).ok();
        match number(said) {
            Some(seconds) => Some(Duration::from_secs(seconds)),
            None => Some(date()?.duration_since(SystemTime::now()).unwrap_or_default()),
        }
    });
    let said = said.unwrap_or(Duration::from_secs(BUSY_SECONDS));
    said.clamp(Duration::from_secs(1), Duration::from_secs(MAX_BUSY_SECONDS))
}

/// What tells one state of a file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seal {
    etag: Option<String>,
    modified: Option<String>,
    /// Bytes of the file as it is sent.
    pub(super) total: Option<u64>,
}

impl Seal {
    pub(super) fn new(headers: &HeaderMap, total: Option<u64>) -> Seal {
        let owned = |name| text(headers, name).map(str::to_owned);
        Seal { etag: owned(ETAG), modified: owned(LAST_MODIFIED), total }
    }

    /// What `If-Range` may name: weak ETags are not allowed there.
    pub(super) fn condition(&self) -> Option<String> {
        let strong = self.etag.as_ref().filter(|etag| etag.starts_with('"'));
        strong.or(self.modified.as_ref()).cloned()
    }

    /// Compares with a later answer, which may leave out what `If-Range` proved.
    pub(super) fn check(&self, headers: &HeaderMap, total: Option<u64>) -> Result<(), Reason> {
        let later = Seal::new(headers, total);
        let opaque = |etag: &Option<String>| {
            etag.as_ref().map(|etag| etag.trim_start_matches("W/").to_owned())
        };
        if differ(&opaque(&self.etag), &opaque(&later.etag)) {
            return Err(Reason::OtherValidator);
        }
        let same_etag = self.etag.is_some() && later.etag.is_some();
        // Mirrors of one file often agree in the ETag only.
        if !same_etag && differ(&self.modified, &later.modified) {
            return Err(Reason::OtherValidator);
        }
        if differ(&self.total, &total) { Err(Reason::OtherLength) } else { Ok(()) }
    }
}

fn differ<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one != other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn headers(list: &[(HeaderName, &'static str)]) -> HeaderMap {
        list.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn content_range_is_read_strictly() {
        let read = |value| content_range(&headers(&[(CONTENT_RANGE, value)]));
        let range = |first, last, total| Some(ContentRange { range: Some((first, last)), total });
        assert_eq!(read("bytes 0-63/1000"), range(0, 63, Some(1000)));
        assert_eq!(read("bytes 0-63/*"), range(0, 63, None));
        assert_eq!(read("bytes */9"), Some(ContentRange { range: None, total: Some(9) }));
        for wrong in [
            "bytes 0-63",
            "bytes 5-4/9",
            "bytes 0-9/9",
            "bytes */*",
            "items 0-1/2",
            "bytes +0-1/2",
            "bytes -1/2",
            "bytes 0-99999999999999999999/5",
            "",
            "bytes 0-1/",
        ] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn waits_are_bounded() {
        let read = |value| wait(&headers(&[(RETRY_AFTER, value)])).as_secs();
        assert_eq!(read("7"), 7);
        assert_eq!(read("0"), 1);
        assert_eq!(read("99999999"), MAX_BUSY_SECONDS);
        assert_eq!(read("Fri, 31 Dec 9999 23:59:59 GMT"), MAX_BUSY_SECONDS);
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), 1);
        assert_eq!(read("soon"), BUSY_SECONDS);
        assert_eq!(wait(&HeaderMap::new()).as_secs(), BUSY_SECONDS);
    }

    #[test]
    fn a_seal_tells_states_apart() {
        let seal = |etag, date, total| {
            Seal::new(&headers(&[(ETAG, etag), (LAST_MODIFIED, date)]), Some(total))
        };
        let check = |seal: &Seal, list: &[_], total| seal.check(&headers(list), total);
        let strong = seal("\"a\"", "Mon", 9);
        assert_eq!(strong.condition().as_deref(), Some("\"a\""));
        assert_eq!(check(&strong, &[], None), Ok(()));
        assert_eq!(check(&strong, &[(ETAG, "W/\"a\"")], Some(9)), Ok(()));
        assert_eq!(check(&strong, &[(ETAG, "\"b\"")], Some(9)), Err(Reason::OtherValidator));
        assert_eq!(check(&strong, &[(LAST_MODIFIED, "Tue")], None), Err(Reason::OtherValidator));
        assert_eq!(check(&strong, &[(ETAG, "\"a\""), (LAST_MODIFIED, "Tue")], None), Ok(()));
        assert_eq!(check(&strong, &[], Some(10)), Err(Reason::OtherLength));
        assert_eq!(seal("W/\"a\"", "Mon", 9).condition().as_deref(), Some("Mon"));
    }
}
