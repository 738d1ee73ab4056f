//! Who asks: the address that connected, or the one that a trusted proxy speaks for.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::{HeaderMap, HeaderName};

/// Who sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) address: IpAddr,
    /// True when it came over TLS.
    pub(super) is_secure: bool,
}

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTOCOL: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Proxies that one request may have passed.
const MAX_PROXIES: usize = 16;

impl Client {
    pub(super) fn new(address: IpAddr, is_secure: bool) -> Client {
        Client { address: address.to_canonical(), is_secure }
    }

    /// Who is meant: what trusted proxies wrote is believed, from the last on, up to the
    /// first that is none of them.
    pub(super) fn meant(self, proxies: &[IpAddr], headers: &HeaderMap) -> Client {
        if !proxies.contains(&self.address) {
            return self;
        }
        let is_secure = match headers.get(PROTOCOL) {
            Some(protocol) => protocol.as_bytes().eq_ignore_ascii_case(b"https"),
            None => self.is_secure,
        };
        let lines: Vec<&str> =
            headers.get_all(FOR).iter().filter_map(|line| line.to_str().ok()).collect();
        let named = lines.iter().rev().flat_map(|line| line.rsplit(',')).take(MAX_PROXIES);
        let mut client = Client { is_secure, ..self };
        for name in named {
            let Ok(address) = name.trim().parse::<IpAddr>() else { break };
            client.address = address.to_canonical();
            if !proxies.contains(&client.address) {
                break;
            }
        }
        client
    }
}

/// What counts as one client: one of IPv6 has a whole network of addresses.
pub(super) fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(connected: &str, lines: &[(&'static str, &'static str)]) -> (String, bool) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, axum::http::HeaderValue::from_static(value));
        }
        let proxies = ["127.0.0.1", "10.0.0.1"].map(|proxy| proxy.parse().unwrap());
        let client = Client::new(connected.parse().unwrap(), false).meant(&proxies, &headers);
        (client.address.to_string(), client.is_secure)
    }

    #[test]
    fn only_proxies_are_believed_and_only_what_they_wrote() {
        let name = "x-forwarded-for";
        let protocol = ("x-forwarded-proto", "https");
        for (connected, lines, address, is_secure) in [
            ("192.0.2.1", vec![(name, "192.0.2.9"), protocol], "192.0.2.1", false),
            ("127.0.0.1", vec![], "127.0.0.1", false),
            ("127.0.0.1", vec![(name, "192.0.2.9"), protocol], "192.0.2.9", true),
            ("::ffff:127.0.0.1", vec![(name, "192.0.2.9")], "192.0.2.9", false),
            ("127.0.0.1", vec![(name, "1.1.1.1, 192.0.2.9")], "192.0.2.9", false),
            ("127.0.0.1", vec![(name, "1.1.1.1, 192.0.2.9, 10.0.0.1")], "192.0.2.9", false),
            ("127.0.0.1", vec![(name, "1.1.1.1"), (name, "192.0.2.9")], "192.0.2.9", false),
            ("127.0.0.1", vec![(name, "1.1.1.1, evil")], "127.0.0.1", false),
            ("127.0.0.1", vec![(name, "2001:db8::1")], "2001:db8::1", false),
            ("127.0.0.1", vec![("x-forwarded-proto", "http")], "127.0.0.1", false),
        ] {
            assert_eq!(meant(connected, &lines), (address.to_owned(), is_secure), "{lines:?}");
        }
    }
}
