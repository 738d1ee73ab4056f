//! The inside of a start tag: attributes as they are written.

use std::borrow::Cow;

use super::MAX_ATTRIBUTES;
use super::characters::{is_space, resolve_reference, split_name};

/// An attribute before its prefix is resolved.
pub(super) struct Written<'a> {
    pub(super) prefix: &'a str,
    pub(super) local: &'a str,
    pub(super) value: Cow<'a, str>,
}

/// Appends the `name="value"` pairs (XML 1.0 §3.1), each after white space. The
/// error says what is wrong.
pub(super) fn read<'a>(mut rest: &'a str, attributes: &mut Vec<Written<'a>>) -> Result<(), String> {
    loop {
        let trimmed = rest.trim_start_matches(is_space);
        if trimmed.is_empty() {
            return Ok(());
        }
        if trimmed.len() == rest.len() {
            return Err("white space is missing between attributes".to_owned());
        }
        let (attribute, after) = read_one(trimmed)?;
        let same = |other: &Written<'_>| {
            other.local == attribute.local && other.prefix == attribute.prefix
        };
        if attributes.iter().any(same) {
            return Err(format!("the attribute `{}` is repeated", attribute.local));
        }
        if attributes.len() >= MAX_ATTRIBUTES {
            return Err(format!("more than {MAX_ATTRIBUTES} attributes on one element"));
        }
        attributes.push(attribute);
        rest = after;
    }
}

fn read_one(text: &str) -> Result<(Written<'_>, &str), String> {
    let end = text.find(|c| is_space(c) || c == '=').ok_or("an attribute has no value")?;
    let name = &text[..end];
    let (prefix, local) =
        split_name(name).ok_or_else(|| format!("`{name}` is not an attribute name"))?;
    let after = text[end..].trim_start_matches(is_space);
    let after = after
        .strip_prefix('=')
        .ok_or_else(|| format!("the attribute `{name}` has no value"))?
        .trim_start_matches(is_space);
    let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
    let quote = quote.ok_or_else(|| format!("the value of `{name}` is not in quotes"))?;
    let (raw, rest) = after[1..]
        .split_once(quote)
        .ok_or_else(|| format!("the value of `{name}` has no closing quote"))?;
    Ok((Written { prefix, local, value: normalise(raw, name)? }, rest))
}

/// Attribute-value normalisation of XML 1.0 §3.3.3 for attributes without a
/// declared type.
fn normalise<'a>(raw: &'a str, name: &str) -> Result<Cow<'a, str>, String> {
    if raw.contains('<') {
        return Err(format!("the value of `{name}` contains `<`"));
    }
    if !raw.contains(['&', '\t', '\n']) {
        return Ok(Cow::Borrowed(raw));
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
