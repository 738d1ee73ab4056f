//! The address of a Marketplace, as a person types it.

use std::fmt;
use std::str::FromStr;

use url::Url;

use super::pattern::Pattern;

/// A Marketplace: scheme, host, port, and what its paths begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

/// Text that names no Marketplace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no Marketplace endpoint ({fault}): `http://HOST:PORT` or a host is meant")]
pub struct BadEndpoint {
    text: String,
    fault: String,
}

impl Endpoint {
    /// The URL below the endpoint with these segments.
    pub fn at(&self, segments: &[&str]) -> String {
        self.below(segments).into()
    }

    /// The same with a query.
    pub fn asked(&self, segments: &[&str], query: &[(&str, &str)]) -> String {
        let mut url = self.below(segments);
        url.query_pairs_mut().extend_pairs(query);
        url.into()
    }

    fn below(&self, segments: &[&str]) -> Url {
        let mut url = self.0.clone();
        // Invariant: an http URL has a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// The server of a URL, by itself.
    ///
    /// # Errors
    /// When it is no http or https URL.
    pub fn of_url(url: &str) -> Result<Endpoint, BadEndpoint> {
        let wrong = |fault: String| BadEndpoint { text: cut(url), fault };
        let mut server = Url::parse(url).map_err(|error| wrong(error.to_string()))?;
        server.set_path("");
        server.set_query(None);
        server.set_fragment(None);
        let stripped = server.set_username("").and_then(|()| server.set_password(None));
        stripped.map_err(|()| wrong("it has no host".to_owned()))?;
        server.as_str().parse()
    }

    /// Whether a URL is of this server: the same scheme, host and port.
    pub fn serves(&self, url: &str) -> bool {
        Url::parse(url).is_ok_and(|url| url.origin() == self.0.origin())
    }

    /// What names its host in a list of hosts that may be reached.
    pub fn pattern(&self) -> Option<Pattern> {
        self.0.host_str()?.parse().ok()
    }
}

fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}

/// Without a `/` at its end.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl FromStr for Endpoint {
    type Err = BadEndpoint;

    /// A URL, or a host with or without a port. What is no URL is reached by https, as
    /// StratusLab's client has it.
    fn from_str(text: &str) -> Result<Endpoint, BadEndpoint> {
        let wrong = |fault: &str| BadEndpoint { text: cut(text), fault: fault.to_owned() };
        let whole = match text.contains("://") {
            true => text.to_owned(),
            false => format!("https://{text}"),
        };
        let mut url = Url::parse(&whole).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("its scheme is neither http nor https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("a user has no place in it"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("a query has no place in it"));
        }
        // Who copies the address of the list means the Marketplace.
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix("/metadata").unwrap_or(path).to_owned();
        url.set_path(&path);
        Ok(Endpoint(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        text.parse().unwrap()
    }

    #[test]
    fn every_spelling_leads_to_the_same_places() {
        for (text, place) in [
            ("http://a.example:8081", "http://a.example:8081/metadata"),
            ("http://a.example:8081/", "http://a.example:8081/metadata"),
            ("http://a.example:8081//", "http://a.example:8081/metadata"),
            ("http://a.example/metadata/", "http://a.example/metadata"),
            ("https://a.example/marketplace", "https://a.example/marketplace/metadata"),
            ("https://a.example/marketplace/", "https://a.example/marketplace/metadata"),
            ("a.example", "https://a.example/metadata"),
            ("a.example:8443", "https://a.example:8443/metadata"),
        ] {
            assert_eq!(endpoint(text).at(&["metadata"]), place, "{text}");
        }
        assert_eq!(endpoint("http://a.example/x//").to_string(), "http://a.example/x");
    }

    #[test]
    fn no_segment_changes_the_path() {
        let place = endpoint("http://a.example/").at(&["metadata", "../x?y#z", "a%b+c@d"]);
        assert_eq!(place, "http://a.example/metadata/..%2Fx%3Fy%23z/a%25b+c@d");
        let asked = endpoint("http://a.example").asked(&["metadata"], &[("sSearch", "a&b=c")]);
        assert_eq!(asked, "http://a.example/metadata?sSearch=a%26b%3Dc");
    }

    #[test]
    fn only_the_same_port_is_the_same_server() {
        let server = endpoint("http://127.0.0.1:8081/x");
        assert!(server.serves("http://127.0.0.1:8081/blobs/sha1/x"));
        assert!(!server.serves("http://127.0.0.1:8082/"));
        assert!(!server.serves("https://127.0.0.1:8081/"));
        assert!(!server.serves("nonsense"));
        let of = Endpoint::of_url("http://u:p@a.example:81/b?c#d").unwrap();
        assert_eq!(of.to_string(), "http://a.example:81");
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for text in ["", "ftp://a", "http://", "http://u@a", "http://a/?x", "http://a/#x", "a b"] {
            assert!(text.parse::<Endpoint>().is_err(), "{text:?}");
        }
    }
}
