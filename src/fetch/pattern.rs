//! Names of hosts and networks, as a site writes them in its settings.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::error::SettingsError;

/// A host, a domain, an address or a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// `*`: everything.
    Any,
    /// `a.example.org`: this host.
    Host(String),
    /// `.example.org`: every host of the domain; kept with the dot.
    Domain(String),
    /// `10.0.0.0/8`: every address that begins with these bits.
    Network(IpAddr, u8),
}

impl Pattern {
    /// Whether it names a host; a domain does not name itself.
    pub fn names(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.');
        match self {
            Pattern::Any => true,
            Pattern::Host(own) => own.eq_ignore_ascii_case(host),
            Pattern::Domain(own) => host.to_ascii_lowercase().ends_with(own.as_str()),
            Pattern::Network(..) => literal(host).is_some_and(|address| self.contains(address)),
        }
    }

    /// Whether it names an address; IPv4 in IPv6 is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let Pattern::Network(network, bits) = self else { return *self == Pattern::Any };
        match (network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differ = network.to_bits() ^ address.to_bits();
                differ.leading_zeros() >= u32::from(*bits)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differ = network.to_bits() ^ address.to_bits();
                differ.leading_zeros() >= u32::from(*bits)
            }
            _ => false,
        }
    }
}

/// The address that a host of a URL is, if it is not a name.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

impl FromStr for Pattern {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Pattern, SettingsError> {
        let wrong = || SettingsError::Pattern(text.to_owned());
        if text == "*" {
            return Ok(Pattern::Any);
        }
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        if let Some(address) = literal(address) {
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = match bits {
                Some(bits) => bits.parse().ok().filter(|bits| *bits <= most).ok_or_else(wrong)?,
                None => most,
            };
            return Ok(Pattern::Network(address, bits));
        }
        let name = text.to_ascii_lowercase();
        let labels = name.strip_prefix('.').unwrap_or(&name);
        let good = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
        };
        if !labels.split('.').all(good) {
            return Err(wrong());
        }
        Ok(if name.starts_with('.') { Pattern::Domain(name) } else { Pattern::Host(name) })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Any => f.write_str("*"),
            Pattern::Host(name) | Pattern::Domain(name) => f.write_str(name),
            Pattern::Network(address, bits) => write!(f, "{address}/{bits}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap()
    }

    #[test]
    fn networks_hold_their_addresses_in_every_spelling() {
        let ten = pattern("10.0.0.0/8");
        assert!(ten.contains("10.255.0.1".parse().unwrap()));
        assert!(ten.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!ten.contains("11.0.0.1".parse().unwrap()));
        assert!(ten.names("10.1.1.1"));
        assert!(pattern("fd00::/8").names("[fd12::1]"));
        assert!(!pattern("fd00::/8").names("[fe80::1]"));
        assert!(pattern("0.0.0.0/0").contains("192.0.2.1".parse().unwrap()));
        assert!(!pattern("127.0.0.1").contains("127.0.0.2".parse().unwrap()));
    }

    #[test]
    fn domains_do_not_name_what_only_ends_alike() {
        let domain = pattern(".Example.org");
        assert!(domain.names("a.b.example.ORG."));
        assert!(!domain.names("example.org"));
        assert!(!domain.names("badexample.org"));
        assert!(pattern("a.example.org").names("A.example.org"));
        assert!(!pattern("a.example.org").names("b.a.example.org"));
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in
            ["", ".", "a..b", "10.0.0.0/33", "::/129", "a/8", "http://a", "a b", "10.0.0.0/"]
        {
            assert!(text.parse::<Pattern>().is_err(), "{text:?}");
        }
    }
}
