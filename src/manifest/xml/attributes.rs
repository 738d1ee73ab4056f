//! The inside of a start tag: attributes as they are written.

use std::borrow::Cow;

use memchr::memchr;

use super::MAX_ATTRIBUTES;
use super::characters::{contains_octet, is_space, resolve_reference, split_name};

/// An attribute before its prefix is resolved.
pub(super) struct Written<'a> {
    pub(super) prefix: &'a str,
    pub(super) local: &'a str,
    pub(super) value: Cow<'a, str>,
}

/// The `name="value"` pairs of a tag (XML 1.0 §3.1), each after white space.
pub(super) struct Pairs<'a> {
    rest: &'a str,
    count: usize,
}

impl<'a> Pairs<'a> {
    /// The pairs after the name of a tag.
    pub(super) fn of(rest: &'a str) -> Pairs<'a> {
        Pairs { rest, count: 0 }
    }

    /// The next pair. The error says what is wrong.
    pub(super) fn next(&mut self) -> Result<Option<Written<'a>>, String> {
        let trimmed = self.rest.trim_start_matches(is_space);
        if trimmed.is_empty() {
            return Ok(None);
        }
        if trimmed.len() == self.rest.len() {
            return Err("white space is missing between attributes".to_owned());
        }
        if self.count >= MAX_ATTRIBUTES {
            return Err(format!("more than {MAX_ATTRIBUTES} attributes on one element"));
        }
        self.count += 1;
        let (attribute, after) = read_one(trimmed)?;
        self.rest = after;
        Ok(Some(attribute))
    }
}

fn read_one(text: &str) -> Result<(Written<'_>, &str), String> {
    let ends_name = |byte: u8| matches!(byte, b'=' | b' ' | b'\t' | b'\n');
    let end = text.bytes().position(ends_name).ok_or("an attribute has no value")?;
    let (name, after) = text.split_at(end);
    let (prefix, local) =
        split_name(name).ok_or_else(|| format!("`{name}` is not an attribute name"))?;
    let after = after
        .trim_start_matches(is_space)
        .strip_prefix('=')
        .ok_or_else(|| format!("the attribute `{name}` has no value"))?
        .trim_start_matches(is_space);
    let quote = after.bytes().next().filter(|byte| matches!(byte, b'"' | b'\''));
    let quote = quote.ok_or_else(|| format!("the value of `{name}` is not in quotes"))?;
    let after = &after[1..];
    let end = memchr(quote, after.as_bytes())
        .ok_or_else(|| format!("the value of `{name}` has no closing quote"))?;
    Ok((Written { prefix, local, value: normalise(&after[..end], name)? }, &after[end + 1..]))
}

/// Attribute-value normalisation of XML 1.0 §3.3.3 for attributes without a
/// declared type.
fn normalise<'a>(raw: &'a str, name: &str) -> Result<Cow<'a, str>, String> {
    if !contains_octet(raw, |byte| matches!(byte, b'<' | b'&' | b'\t' | b'\n')) {
        return Ok(Cow::Borrowed(raw));
    }
    if raw.contains('<') {
        return Err(format!("the value of `{name}` contains `<`"));
    }
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(position) = rest.find(['&', '\t', '\n']) {
        value.push_str(&rest[..position]);
        if rest[position..].starts_with('&') {
            let after = &rest[position + 1..];
            let (reference, after) = after
                .split_once(';')
                .ok_or_else(|| format!("a reference in the value of `{name}` has no `;`"))?;
            let c = resolve_reference(reference)
                .ok_or_else(|| format!("`&{reference};` is not allowed in `{name}`"))?;
            value.push(c);
            rest = after;
        } else {
            value.push(' ');
            rest = &rest[position + 1..];
        }
    }
    value.push_str(rest);
    Ok(Cow::Owned(value))
}
