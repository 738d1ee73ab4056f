//! Distinguished names in the form of RFC 2253 that Java's
//! `X500Principal.getName()` prints, which is what manifests hold.

use std::fmt::Write;

use data_encoding::HEXLOWER;

/// Attribute types that have a keyword in RFC 2253 §2.3, by the content octets
/// of their object identifiers.
const KEYWORDS: [(&[u8], &str); 9] = [
    (&[0x55, 0x04, 0x03], "CN"),
    (&[0x55, 0x04, 0x07], "L"),
    (&[0x55, 0x04, 0x08], "ST"),
    (&[0x55, 0x04, 0x0A], "O"),
    (&[0x55, 0x04, 0x0B], "OU"),
    (&[0x55, 0x04, 0x06], "C"),
    (&[0x55, 0x04, 0x09], "STREET"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 0x64, 0x01, 0x19], "DC"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 0x64, 0x01, 0x01], "UID"),
];

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;

/// The text of a DER `Name` (RFC 5280 §4.1.2.4); none when it is malformed.
pub(super) fn rfc2253(der: &[u8]) -> Option<String> {
    let (rdns, rest) = read(der, SEQUENCE)?;
    if !rest.is_empty() {
        return None;
    }
    let mut names = Vec::new();
    let mut rest = rdns;
    while !rest.is_empty() {
        let (rdn, after) = read(rest, SET)?;
        names.push(relative_name(rdn)?);
        rest = after;
    }
    names.reverse();
    Some(names.join(","))
}

fn relative_name(mut rest: &[u8]) -> Option<String> {
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let (pair, after) = read(rest, SEQUENCE)?;
        let (oid, value) = read(pair, OBJECT_IDENTIFIER)?;
        parts.push(attribute(oid, value)?);
        rest = after;
    }
    Some(parts.join("+"))
}

/// `keyword=value`, or `oid=#hex` for a type without a keyword.
fn attribute(oid: &[u8], value: &[u8]) -> Option<String> {
    let keyword = KEYWORDS.iter().find(|(known, _)| *known == oid).map(|(_, keyword)| keyword);
    let hex = || format!("#{}", HEXLOWER.encode(value));
    match keyword {
        None => Some(format!("{}={}", dotted(oid)?, hex())),
        Some(keyword) => {
            let value = string(value).map_or_else(hex, |text| escape(&text));
            Some(format!("{keyword}={value}"))
        }
    }
}

/// The text of a directory string; none when it is another type.
fn string(der: &[u8]) -> Option<String> {
    let tag = *der.first()?;
    let (octets, _) = read(der, tag)?;
    match tag {
        // UTF8String
        0x0C => String::from_utf8(octets.to_vec()).ok(),
        // PrintableString, IA5String, GeneralString
        0x13 | 0x16 | 0x1B if octets.is_ascii() => String::from_utf8(octets.to_vec()).ok(),
        // TeletexString, which everyone reads as Latin-1
        0x14 => Some(octets.iter().map(|octet| char::from(*octet)).collect()),
        // BMPString
        0x1E if octets.len() % 2 == 0 => {
            let units = octets.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            char::decode_utf16(units).collect::<Result<String, _>>().ok()
        }
        _ => None,
    }
}

fn escape(text: &str) -> String {
    let blank = |c: char| c == ' ' || c == '\r';
    let lead = text.len() - text.trim_start_matches(blank).len();
    let trail = text.trim_end_matches(blank).len();
    let mut escaped = String::with_capacity(text.len() + 8);
    for (position, c) in text.char_indices() {
        match c {
            ',' | '=' | '+' | '<' | '>' | '#' | ';' | '"' | '\\' => escaped.extend(['\\', c]),
            '\0' => escaped.push_str("\\00"),
            c if position < lead || position >= trail => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    escaped
}

/// An object identifier in dotted form (X.690 §8.19).
fn dotted(octets: &[u8]) -> Option<String> {
    let mut arcs = Vec::new();
    let mut arc: u64 = 0;
    for octet in octets {
        arc = arc.checked_mul(128)?.checked_add(u64::from(octet & 0x7F))?;
        if octet & 0x80 == 0 {
            arcs.push(arc);
            arc = 0;
        }
    }
    if octets.last()? & 0x80 != 0 {
        return None;
    }
    let first = *arcs.first()?;
    let root = (first / 40).min(2);
    let mut text = format!("{root}.{}", first - root * 40);
    for arc in &arcs[1..] {
        let _ = write!(text, ".{arc}");
    }
    Some(text)
}

/// Reads one DER value of this tag: its content and what follows.
fn read(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match *length {
        short @ 0..=0x7F => (usize::from(short), rest),
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => (usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])), &rest[2..]),
        _ => return None,
    };
    (*found == tag && length <= rest.len()).then(|| rest.split_at(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut der = vec![tag, u8::try_from(content.len()).unwrap()];
        der.extend_from_slice(content);
        der
    }

    fn pair(oid: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
        tlv(SEQUENCE, &[tlv(OBJECT_IDENTIFIER, oid), tlv(tag, value)].concat())
    }

    const CN: &[u8] = &[0x55, 0x04, 0x03];
    const C: &[u8] = &[0x55, 0x04, 0x06];
    const EMAIL: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x01];

    #[test]
    fn names_are_reversed_and_unknown_types_are_hex() {
        let name = tlv(
            SEQUENCE,
            &[
                tlv(SET, &pair(C, 0x13, b"EU")),
                tlv(
                    SET,
                    &[pair(CN, 0x0C, "Zoë, Müller".as_bytes()), pair(CN, 0x13, b"b")].concat(),
                ),
                tlv(SET, &pair(EMAIL, 0x16, b"a@b.c")),
            ]
            .concat(),
        );
        assert_eq!(
            rfc2253(&name).unwrap(),
            "1.2.840.113549.1.9.1=#16056140622e63,CN=Zoë\\, Müller+CN=b,C=EU"
        );
    }

    #[test]
    fn special_characters_and_outer_blanks_are_escaped() {
        assert_eq!(escape(" #a=b+c;<d>\\\"e  "), "\\ \\#a\\=b\\+c\\;\\<d\\>\\\\\\\"e\\ \\ ");
        assert_eq!(escape("a  b"), "a  b");
    }

    #[test]
    fn malformed_names_are_refused() {
        let name = tlv(SEQUENCE, &tlv(SET, &pair(CN, 0x13, b"abc")));
        assert!(rfc2253(&name).is_some());
        for end in 0..name.len() {
            assert_eq!(rfc2253(&name[..end]), None, "{end}");
        }
    }
}
