//! The name of a request, by which it is found in the logs of everyone it passed.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Characters of an id that a client chose: a UUID has 36.
const MAX_LENGTH: usize = 64;

/// The client's own id where it can stand in a log as it is, or else a new one.
pub(super) fn of(headers: &HeaderMap) -> HeaderValue {
    let is_sane = |value: &&HeaderValue| {
        let octets = value.as_bytes();
        let may_stand = |octet: &u8| octet.is_ascii_alphanumeric() || b"-_.:".contains(octet);
        (1..=MAX_LENGTH).contains(&octets.len()) && octets.iter().all(may_stand)
    };
    headers.get(HEADER).filter(is_sane).cloned().unwrap_or_else(made)
}

/// Nobody has to be unable to guess it: it only has to be another one each time.
fn made() -> HeaderValue {
    let text = format!("{:032x}", fastrand::u128(..));
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sane_ids_are_kept_and_others_replaced() {
        let of = |id: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, HeaderValue::from_static(id));
            super::of(&headers).to_str().unwrap().to_owned()
        };
        for sane in ["a", "01890dd5-ea3f-7a5b-9d0e-000000000000", "Root=1.2:x_y"] {
            let kept = of(sane) == sane;
            assert_eq!(kept, !sane.contains('='), "{sane}");
        }
        let long = "x".repeat(65).leak();
        for other in ["", "a b", "a\tb", "\"", "a=b", "{}", long] {
            let made = of(other);
            assert!(made.len() == 32 && made != of(other), "{other}: {made}");
        }
        assert_eq!(of(&long[..64]), long[..64]);
    }
}
