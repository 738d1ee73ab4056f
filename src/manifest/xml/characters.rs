//! Which characters XML 1.0 allows where.

use std::borrow::Cow;

/// `Char` of XML 1.0 §2.2.
pub(super) fn is_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// The place of the first character that XML does not allow.
pub(super) fn first_illegal(text: &str) -> Option<usize> {
    // Of the characters that UTF-8 can hold, only controls and two that begin
    // with 0xEF are not allowed.
    let suspect = |byte: u8| (byte < 0x20 && !matches!(byte, 9 | 10 | 13)) || byte == 0xEF;
    if contains_octet(text, suspect) { text.find(|c| !is_character(c)) } else { None }
}

/// True when such an octet stands in the text. Without a branch, this looks at
/// many at once.
pub(super) fn contains_octet(text: &str, is_one: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(false, |found, byte| found | is_one(byte))
}

/// White space of XML 1.0 §2.3.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// `NameStartChar` of XML 1.0 §2.3, without the colon (Namespaces §3).
fn starts_name(c: char) -> bool {
    matches!(c,
        'A'..='Z' | '_' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}'
        | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}'
        | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
        | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
}

/// `NameChar` of XML 1.0 §2.3, without the colon.
fn continues_name(c: char) -> bool {
    starts_name(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// The octets below 128 that continue a name without a colon.
const ASCII_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        byte += 1;
    }
    table
};

/// A name without a colon (`NCName`).
pub(in crate::manifest) fn is_name(text: &str) -> bool {
    if text.bytes().all(|byte| ASCII_NAME[usize::from(byte)]) {
        let first = text.bytes().next();
        return first.is_some_and(|first| first.is_ascii_alphabetic() || first == b'_');
    }
    let mut characters = text.chars();
    characters.next().is_some_and(starts_name) && characters.all(continues_name)
}

/// Splits `prefix:local` or `local`; none when it is not a qualified name.
pub(super) fn split_name(text: &str) -> Option<(&str, &str)> {
    // Names are short: a plain loop is faster than the search for a character.
    match text.bytes().position(|byte| byte == b':') {
        None => is_name(text).then_some(("", text)),
        Some(colon) => {
            let (prefix, local) = (&text[..colon], &text[colon + 1..]);
            (is_name(prefix) && is_name(local)).then_some((prefix, local))
        }
    }
}

/// The character that a predefined entity or character reference names, without
/// its `&` and `;`.
pub(super) fn resolve_reference(name: &str) -> Option<char> {
    let number = match name {
        "amp" => return Some('&'),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => name.strip_prefix('#')?,
    };
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    let plain = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    if !plain {
        return None;
    }
    let code = u32::from_str_radix(digits, radix).ok()?;
    char::from_u32(code).filter(|c| is_character(*c))
}

/// True when XML can hold the text.
pub(in crate::manifest) fn is_plain(text: &str) -> bool {
    first_illegal(text).is_none()
}

/// Any text with U+FFFD in the place of what XML cannot hold.
pub fn legal(text: &str) -> Cow<'_, str> {
    let held = |c| if is_character(c) { c } else { char::REPLACEMENT_CHARACTER };
    match first_illegal(text) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(text.chars().map(held).collect()),
    }
}

/// Any text as element content or as an attribute value in double quotes; what XML cannot
/// hold becomes U+FFFD.
pub fn escape(text: &str) -> String {
    escape_text(&legal(text)).into_owned()
}

/// Text as element content or as an attribute value in double quotes.
pub(in crate::manifest) fn escape_text(text: &str) -> Cow<'_, str> {
    if !contains_octet(text, |byte| matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\r')) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\r' => escaped.push_str("&#xD;"),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}
