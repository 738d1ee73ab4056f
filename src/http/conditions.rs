//! Conditional requests (RFC 9110 §13).

use std::time::SystemTime;

use axum::http::{HeaderMap, header};
use headers::{ETag, HeaderMapExt, IfMatch, IfModifiedSince, IfNoneMatch, IfUnmodifiedSince};

/// What a request's conditions say of what is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// They hold, or there are none.
    Holds,
    /// The client has it already.
    NotModified,
    /// It is not what the client means.
    Fails,
}

/// The conditions in the order of RFC 9110 §13.2.2. A date that cannot be read is no
/// condition; a list of tags that cannot be read holds no tag.
pub(super) fn evaluate(headers: &HeaderMap, tag: &ETag, modified: SystemTime) -> Outcome {
    let expected = match headers.typed_get::<IfMatch>() {
        Some(tags) => tags.precondition_passes(tag),
        None => headers
            .typed_get::<IfUnmodifiedSince>()
            .is_none_or(|since| since.precondition_passes(modified)),
    };
    if !expected {
        return Outcome::Fails;
    }
    let is_new = match headers.typed_get::<IfNoneMatch>() {
        Some(tags) => tags.precondition_passes(tag),
        None => {
            headers.typed_get::<IfModifiedSince>().is_none_or(|since| since.is_modified(modified))
        }
    };
    if is_new { Outcome::Holds } else { Outcome::NotModified }
}

/// True unless `If-Range` names something else than the answer describes. The tag is strong and
/// a date must be the very one that was told, so both are compared as they were written.
pub(super) fn range_applies(headers: &HeaderMap, description: &HeaderMap) -> bool {
    headers.get(header::IF_RANGE).is_none_or(|condition| {
        let told = [header::ETAG, header::LAST_MODIFIED].map(|name| description.get(name));
        told.contains(&Some(condition))
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    const AT: &str = "Tue, 15 Nov 1994 12:45:26 GMT";
    const BEFORE: &str = "Tue, 15 Nov 1994 12:45:25 GMT";
    const AFTER: &str = "Tue, 15 Nov 1994 12:45:27 GMT";

    fn outcome(headers: &[(HeaderName, &str)]) -> Outcome {
        let map: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect();
        let modified = UNIX_EPOCH + Duration::from_secs(784_903_526);
        evaluate(&map, &"\"a\"".parse().unwrap(), modified)
    }

    #[test]
    fn each_condition_alone() {
        use Outcome::{Fails, Holds, NotModified};
        use header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
        let cases = [
            (IF_MATCH, "\"a\"", Holds),
            (IF_MATCH, "\"b\", \"a\"", Holds),
            (IF_MATCH, "*", Holds),
            (IF_MATCH, "\"b\"", Fails),
            (IF_MATCH, "W/\"a\"", Fails),
            (IF_MATCH, "a", Fails),
            (IF_NONE_MATCH, "\"a\"", NotModified),
            (IF_NONE_MATCH, "W/\"a\"", NotModified),
            (IF_NONE_MATCH, "\"b\", \"a\"", NotModified),
            (IF_NONE_MATCH, "*", NotModified),
            (IF_NONE_MATCH, "\"b\"", Holds),
            (IF_MODIFIED_SINCE, BEFORE, Holds),
            (IF_MODIFIED_SINCE, AT, NotModified),
            (IF_MODIFIED_SINCE, AFTER, NotModified),
            (IF_MODIFIED_SINCE, "yesterday", Holds),
            (IF_UNMODIFIED_SINCE, BEFORE, Fails),
            (IF_UNMODIFIED_SINCE, AT, Holds),
            (IF_UNMODIFIED_SINCE, "yesterday", Holds),
        ];
        for (name, value, expected) in cases {
            assert_eq!(outcome(&[(name.clone(), value)]), expected, "{name}: {value}");
        }
        assert_eq!(outcome(&[]), Holds);
    }

    #[test]
    fn tags_count_before_dates_and_failure_before_not_modified() {
        use Outcome::{Fails, Holds, NotModified};
        use header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
        assert_eq!(outcome(&[(IF_MATCH, "\"a\""), (IF_UNMODIFIED_SINCE, BEFORE)]), Holds);
        assert_eq!(outcome(&[(IF_NONE_MATCH, "\"b\""), (IF_MODIFIED_SINCE, AT)]), Holds);
        assert_eq!(outcome(&[(IF_MATCH, "\"b\""), (IF_NONE_MATCH, "\"a\"")]), Fails);
        assert_eq!(outcome(&[(IF_MATCH, "\"a\""), (IF_NONE_MATCH, "\"a\"")]), NotModified);
        assert_eq!(outcome(&[(IF_UNMODIFIED_SINCE, AT), (IF_MODIFIED_SINCE, AT)]), NotModified);
    }

    #[test]
    fn a_range_is_for_the_same_bytes_only() {
        let mut description = HeaderMap::new();
        description.insert(header::ETAG, HeaderValue::from_static("\"a\""));
        description.insert(header::LAST_MODIFIED, HeaderValue::from_static(AT));
        let applies = |value: &'static str| {
            let mut map = HeaderMap::new();
            map.insert(header::IF_RANGE, HeaderValue::from_static(value));
            range_applies(&map, &description)
        };
        assert!(applies("\"a\"") && applies(AT));
        assert!(!applies("W/\"a\"") && !applies("\"b\"") && !applies(BEFORE) && !applies(AFTER));
        assert!(range_applies(&HeaderMap::new(), &description));
    }
}
