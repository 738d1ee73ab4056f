//! Which addresses are not reached for strangers.
//!
//! A manifest's URL makes this node send a request from inside its site. Only
//! what is reachable for everyone may be asked, whatever the spelling; IPv4
//! addresses inside of IPv6 ones count as themselves.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Blocks of IPv4 that are not global: prefix, bits, what it is.
const CLOSED_V4: [([u8; 4], u32, &str); 16] = [
    ([0, 0, 0, 0], 8, "this network"),
    ([10, 0, 0, 0], 8, "private"),
    ([100, 64, 0, 0], 10, "shared by a provider's customers"),
    ([127, 0, 0, 0], 8, "loopback"),
    ([169, 254, 0, 0], 16, "link-local"),
    ([172, 16, 0, 0], 12, "private"),
    ([192, 0, 0, 0], 24, "reserved for protocols"),
    ([192, 0, 2, 0], 24, "for documentation"),
    ([192, 88, 99, 0], 24, "reserved"),
    ([192, 168, 0, 0], 16, "private"),
    ([198, 18, 0, 0], 15, "for benchmarks"),
    ([198, 51, 100, 0], 24, "for documentation"),
    ([203, 0, 113, 0], 24, "for documentation"),
    ([168, 63, 129, 16], 32, "a cloud's own service"),
    ([224, 0, 0, 0], 4, "multicast"),
    ([240, 0, 0, 0], 4, "reserved or broadcast"),
];

/// Blocks of IPv6 that are not global, as their first 32 bits.
const CLOSED_V6: [(u32, u32, &str); 9] = [
    (0x2001_0000, 23, "reserved for protocols"),
    (0x2001_0db8, 32, "for documentation"),
    (0x3fff_0000, 20, "for documentation"),
    (0xfc00_0000, 7, "private"),
    (0xfe80_0000, 10, "link-local"),
    (0xfec0_0000, 10, "site-local"),
    (0xff00_0000, 8, "multicast"),
    (0x0064_ff9b, 32, "a local translator's"),
    (0x5f00_0000, 16, "for routing"),
];

/// Why an address is not reached for strangers; `None` when it is global.
pub(super) fn closed(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => closed_v4(address),
        IpAddr::V6(address) => closed_v6(address),
    }
}

fn closed_v4(address: Ipv4Addr) -> Option<&'static str> {
    let inside = |prefix: [u8; 4], bits: u32| {
        (u32::from_be_bytes(prefix) ^ address.to_bits()).leading_zeros() >= bits
    };
    CLOSED_V4.iter().find(|(prefix, bits, _)| inside(*prefix, *bits)).map(|(_, _, why)| *why)
}

fn closed_v6(address: Ipv6Addr) -> Option<&'static str> {
    let bits = address.to_bits();
    if address.is_unspecified() {
        return Some("unspecified");
    }
    if address.is_loopback() {
        return Some("loopback");
    }
    if let Some(inner) = inner_v4(bits) {
        return closed_v4(inner);
    }
    let first = (bits >> 96) as u32;
    let inside = |prefix: u32, length: u32| (prefix ^ first).leading_zeros() >= length;
    let known = CLOSED_V6.iter().find(|(prefix, length, _)| inside(*prefix, *length));
    if let Some((_, _, why)) = known {
        return Some(why);
    }
    // Nothing outside of 2000::/3 is given out.
    if inside(0x2000_0000, 3) { None } else { Some("not a global address") }
}

/// The IPv4 address that a mapped, a translated (NAT64) or a 6to4 address leads to.
fn inner_v4(bits: u128) -> Option<Ipv4Addr> {
    let last = Ipv4Addr::from_bits(bits as u32);
    match bits >> 32 {
        0xffff => Some(last),                          // ::ffff:a.b.c.d
        0x0064_ff9b_0000_0000_0000_0000 => Some(last), // 64:ff9b::a.b.c.d
        _ if bits >> 112 == 0x2002 => Some(Ipv4Addr::from_bits((bits >> 80) as u32)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_global_is_closed() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.0.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.1",
            "198.51.100.1",
            "203.0.113.9",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::8.8.8.8",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "5f00::1",
            "4000::1",
        ] {
            assert!(closed(text.parse().unwrap()).is_some(), "{text}");
        }
    }

    #[test]
    fn what_is_global_is_open() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "128.0.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2a00:1450::1",
            "2600::1",
            "2001:200::1",
            "2001:470::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
        ] {
            assert_eq!(closed(text.parse().unwrap()), None, "{text}");
        }
    }
}
