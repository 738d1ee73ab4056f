//! From octets to a tree, or the first thing that is wrong.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::attributes::{Pairs, Written};
use super::characters::{contains_octet, first_illegal, is_space, resolve_reference, split_name};
use super::namespaces::{Scope, declares};
use super::tree::{Attribute, Document, Element, Node, NodeId, narrow, widen};
use super::{MAX_DEPTH, MAX_ELEMENTS};
use crate::manifest::namespace::Namespace;
use crate::wire::MAX_DOCUMENT_BYTES;

/// Octets that are not a document of the strict profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not well-formed XML of the strict profile, line {line}: {fault}")]
pub struct Malformed {
    /// Line of the fault, from 1.
    pub line: usize,
    /// What is wrong.
    pub fault: String,
}

/// The text of a document: UTF-8, of allowed size and characters, with line
/// ends as XML 1.0 §2.11 has them.
pub(in crate::manifest) fn decode(octets: &[u8]) -> Result<Cow<'_, str>, Malformed> {
    let whole = |fault: String| Malformed { line: 1, fault };
    if octets.len() > MAX_DOCUMENT_BYTES {
        let fault = format!("{} bytes; at most {MAX_DOCUMENT_BYTES} are allowed", octets.len());
        return Err(whole(fault));
    }
    let text = std::str::from_utf8(octets).map_err(|error| {
        let before = &octets[..error.valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Malformed { line, fault: "not UTF-8".to_owned() }
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(position) = first_illegal(text) {
        let fault = "a character that XML does not allow".to_owned();
        return Err(Malformed { line: line_of(text, position), fault });
    }
    if contains_octet(text, |byte| byte == b'\r') {
        Ok(Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")))
    } else {
        Ok(Cow::Borrowed(text))
    }
}

/// Parses the text that [`decode`] gave.
pub(in crate::manifest) fn parse(text: &str) -> Result<Document<'_>, Malformed> {
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    // Names of end tags and the inside of comments are checked below.
    config.check_end_names = false;
    config.check_comments = false;
    config.expand_empty_elements = false;
    let mut builder = Builder {
        text,
        has_cdata_end: text.contains("]]>"),
        nodes: Vec::with_capacity(text.len() / BYTES_PER_NODE),
        ..Builder::default()
    };
    loop {
        let start = position(reader.buffer_position());
        let at = |fault: String| Malformed { line: line_of(text, start), fault };
        let event = match reader.read_event() {
            Ok(event) => event,
            // Mostly a tag without its end.
            Err(quick_xml::Error::Syntax(error)) => {
                return Err(at(format!("{error}: was the file cut?")));
            }
            Err(error) => return Err(at(error.to_string())),
        };
        let end = position(reader.buffer_position());
        if matches!(event, Event::Eof) {
            return builder.finish().map_err(at);
        }
        builder.take(&event, start, end).map_err(at)?;
    }
}

fn position(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

fn line_of(text: &str, position: usize) -> usize {
    let before = text.as_bytes().get(..position).unwrap_or(text.as_bytes());
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

/// Room that is made for nodes at the start; manifests have one for each 30 bytes.
const BYTES_PER_NODE: usize = 24;

#[derive(Default)]
struct Builder<'a> {
    text: &'a str,
    /// True when `]]>` is anywhere in the text: mostly it is not.
    has_cdata_end: bool,
    nodes: Vec<Node<'a>>,
    attributes: Vec<Attribute<'a>>,
    root: Option<NodeId>,
    /// True when the last node is text that goes on.
    in_text: bool,
    /// Open elements with the length of the scope outside them.
    open: Vec<(NodeId, usize)>,
    scope: Scope<'a>,
    elements: usize,
}

impl<'a> Builder<'a> {
    fn take(&mut self, event: &Event<'_>, start: usize, end: usize) -> Result<(), String> {
        let written = self.text.get(start..end).ok_or("a token outside the text")?;
        match event {
            Event::Start(tag) => self.open_element(tag, start, end),
            Event::Empty(tag) => {
                self.open_element(tag, start, end)?;
                self.close_element(end, end)
            }
            Event::End(_) => self.close_element(start, end),
            Event::Text(_) => self.character_data(written),
            Event::CData(_) => {
                let inner = between(written, "<![CDATA[", "]]>")?;
                self.inside("a CDATA section")?;
                self.append_text(Cow::Borrowed(inner));
                Ok(())
            }
            Event::GeneralRef(_) => {
                let name = between(written, "&", ";")?;
                let c = resolve_reference(name)
                    .ok_or_else(|| format!("the reference `&{name};` is not allowed"))?;
                self.inside("a reference")?;
                self.append_text(Cow::Owned(c.to_string()));
                Ok(())
            }
            Event::Comment(_) => {
                let inner = between(written, "<!--", "-->")?;
                if inner.contains("--") || inner.ends_with('-') {
                    return Err("`--` inside a comment".to_owned());
                }
                self.append(Node::Comment(inner));
                Ok(())
            }
            Event::PI(_) => self.instruction(between(written, "<?", "?>")?),
            Event::Decl(_) => self.declaration(between(written, "<?xml", "?>")?, start),
            Event::DocType(_) => Err("a DOCTYPE is not allowed".to_owned()),
            Event::Eof => Ok(()),
        }
    }

    fn open_element(
        &mut self,
        tag: &BytesStart<'_>,
        start: usize,
        end: usize,
    ) -> Result<(), String> {
        self.elements += 1;
        if self.elements > MAX_ELEMENTS {
            return Err(format!("more than {MAX_ELEMENTS} elements"));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(format!("elements are nested more than {MAX_DEPTH} deep"));
        }
        if self.open.is_empty() && self.root.is_some() {
            return Err("a second root element".to_owned());
        }
        // Slices of the text itself, so that the tree borrows from it.
        let name_end = start + 1 + tag.name().as_ref().len();
        let written = self.text.get(start + 1..name_end).ok_or("a tag outside the text")?;
        let (prefix, local) =
            split_name(written).ok_or_else(|| format!("`{written}` is not an element name"))?;
        let inside = self.text.get(name_end..end).ok_or("a tag outside the text")?;
        let inside = inside.strip_suffix('>').ok_or("a tag without its end")?;
        let inside = inside.strip_suffix('/').unwrap_or(inside);
        let outside = self.scope.len();
        let declarations = self.scope.declarations.len();
        let attributes = self.attributes.len();
        let mut pairs = Pairs::of(inside);
        while let Some(written) = pairs.next()? {
            if let Some(prefix) = declares(&written) {
                self.scope.declare(declarations, prefix, written.value)?;
            } else {
                let Written { prefix, local, value } = written;
                let namespace = Namespace::None;
                self.attributes.push(Attribute { prefix, local, namespace, value });
            }
        }
        self.scope.resolve_all(&mut self.attributes[attributes..])?;
        let namespace = self
            .scope
            .resolve(prefix)
            .ok_or_else(|| format!("the prefix `{prefix}` is not bound"))?;
        let id = self.append(Node::Element(Element {
            prefix,
            local,
            namespace,
            declarations: narrow(declarations)..narrow(self.scope.declarations.len()),
            attributes: narrow(attributes)..narrow(self.attributes.len()),
            end: 0,
            span: narrow(start)..narrow(end),
            content_end: narrow(end),
        }));
        if self.open.is_empty() {
            self.root = Some(id);
        }
        self.open.push((id, outside));
        Ok(())
    }

    fn close_element(&mut self, start: usize, end: usize) -> Result<(), String> {
        let (id, outside) = self.open.pop().ok_or("an end tag without its start")?;
        self.scope.truncate(outside);
        self.in_text = false;
        let after = self.nodes.len();
        if let Some(Node::Element(element)) = self.nodes.get_mut(id) {
            element.end = narrow(after);
            if start != end {
                let colon = usize::from(!element.prefix.is_empty());
                let length = element.prefix.len() + colon + element.local.len();
                let opened = widen(element.span.start) + 1;
                let name = self.text.get(opened..opened + length).unwrap_or("?");
                let tag = self.text.get(start + 2..end).unwrap_or("");
                let rest = tag.strip_prefix(name).and_then(|rest| rest.strip_suffix('>'));
                if !rest.is_some_and(|rest| rest.chars().all(is_space)) {
                    return Err(format!("</{} where </{name}> was expected", shown(tag)));
                }
            }
            element.content_end = narrow(start);
            element.span.end = narrow(end);
        }
        Ok(())
    }

    fn character_data(&mut self, written: &'a str) -> Result<(), String> {
        if self.open.is_empty() {
            let blank = written.chars().all(is_space);
            return blank.then_some(()).ok_or_else(|| "text outside the root element".to_owned());
        }
        // A `&` begins a token of its own, or is an error there.
        if self.has_cdata_end && written.contains("]]>") {
            return Err("`]]>` in text".to_owned());
        }
        self.append_text(Cow::Borrowed(written));
        Ok(())
    }

    fn instruction(&mut self, inner: &'a str) -> Result<(), String> {
        let (target, data) = match inner.find(is_space) {
            Some(end) => (&inner[..end], inner[end..].trim_start_matches(is_space)),
            None => (inner, ""),
        };
        if !super::characters::is_name(target) || target.eq_ignore_ascii_case("xml") {
            return Err(format!("`{target}` cannot name a processing instruction"));
        }
        self.append(Node::Instruction { target, data });
        Ok(())
    }

    /// `<?xml version="1.0" encoding="UTF-8" standalone="…"?>`, in this order.
    fn declaration(&mut self, inner: &str, start: usize) -> Result<(), String> {
        if start != 0 {
            return Err("the XML declaration must be the first thing in the file".to_owned());
        }
        let mut expected = ["version", "encoding", "standalone"].into_iter();
        let mut pairs = Pairs::of(inner);
        let mut is_empty = true;
        while let Some(part) = pairs.next()? {
            let named = part.prefix.is_empty() && expected.any(|name| name == part.local);
            let version = !is_empty || part.local == "version";
            is_empty = false;
            if !named || !version {
                return Err(format!("`{}` is out of place in the XML declaration", part.local));
            }
            let right = match part.local {
                "version" => part.value == "1.0",
                "encoding" => part.value.eq_ignore_ascii_case("UTF-8"),
                _ => matches!(part.value.as_ref(), "yes" | "no"),
            };
            if !right {
                return Err(format!("{} `{}` is not supported", part.local, part.value));
            }
        }
        if is_empty { Err("the XML declaration is empty".to_owned()) } else { Ok(()) }
    }

    fn inside(&self, what: &str) -> Result<(), String> {
        if self.open.is_empty() { Err(format!("{what} outside the root element")) } else { Ok(()) }
    }

    fn append_text(&mut self, text: Cow<'a, str>) {
        if self.in_text
            && let Some(Node::Text(before)) = self.nodes.last_mut()
        {
            before.to_mut().push_str(&text);
        } else if !text.is_empty() {
            self.append(Node::Text(text));
            self.in_text = true;
        }
    }

    fn append(&mut self, node: Node<'a>) -> NodeId {
        self.in_text = false;
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn finish(self) -> Result<Document<'a>, String> {
        if let Some((id, _)) = self.open.last() {
            let name = match &self.nodes[*id] {
                Node::Element(element) => element.written_name(),
                _ => String::new(),
            };
            return Err(format!("the file ends inside <{name}>: it was cut"));
        }
        let root = self.root.ok_or("no root element")?;
        let Scope { declarations, others, .. } = self.scope;
        let (nodes, attributes) = (self.nodes, self.attributes);
        Ok(Document { nodes, declarations, attributes, others, root })
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Result<&'a str, String> {
    let inner = text.strip_prefix(before).and_then(|text| text.strip_suffix(after));
    inner.ok_or_else(|| format!("malformed markup: `{}`", shown(text)))
}

/// Longest part of a text shown in a message, in characters.
const SHOWN: usize = 40;

fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        let decoded = match decode(text.as_bytes()) {
            Ok(decoded) => decoded,
            Err(error) => return error.to_string(),
        };
        match parse(&decoded) {
            Ok(_) => format!("ACCEPTED {text}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_not_well_formed_is_refused_and_named() {
        let cases = [
            ("<a>", "cut"),
            ("<a></b>", "line 1"),
            ("<a/><b/>", "second root"),
            ("x<a/>", "outside the root"),
            ("<a>]]></a>", "]]>"),
            ("<a b='1' b='2'/>", "repeated"),
            ("<a b='1'c='2'/>", "white space is missing"),
            ("<a b=1/>", "quotes"),
            ("<a b='<'/>", "`<`"),
            ("<a>&nbsp;</a>", "nbsp"),
            ("<a>&#0;</a>", "#0"),
            ("<a>&#xD800;</a>", "D800"),
            ("<a>& </a>", "line 1"),
            ("<a b='&c;'/>", "`&c;`"),
            ("<p:a/>", "not bound"),
            ("<a p:b='1'/>", "not bound"),
            ("<a xmlns:p='urn:x' xmlns:q='urn:x' p:b='' q:b=''/>", "repeated"),
            ("<a xmlns='relative'/>", "absolute"),
            ("<a xmlns:p=''/>", "bound to nothing"),
            ("<a xmlns:xml='urn:x'/>", "once and for all"),
            ("<!DOCTYPE a><a/>", "DOCTYPE"),
            ("<?xml version='1.1'?><a/>", "version"),
            ("<?xml version='1.0' encoding='ISO-8859-1'?><a/>", "encoding"),
            (" <?xml version='1.0'?><a/>", "first thing"),
            ("<a><!-- a -- b --></a>", "line 1"),
            ("<a><?xml b?></a>", "first thing"),
            ("<a><?XML b?></a>", "cannot name"),
            ("<1a/>", "not an element name"),
            ("<a:b:c/>", "not an element name"),
            ("<a>\u{1}</a>", "does not allow"),
            ("<a>\u{fffe}</a>", "does not allow"),
            ("", "no root"),
        ];
        for (text, expected) in cases {
            let fault = fault(text);
            assert!(fault.contains(expected), "{text}: {fault}");
        }
    }

    #[test]
    fn deep_nesting_many_elements_and_large_files_are_refused_early() {
        assert!(fault(&"<a>".repeat(200_000)).contains("bytes"));
        assert!(fault(&"<a>".repeat(80_000)).contains("nested"));
        let many = format!("<r>{}</r>", "<a/>".repeat(5000));
        assert!(fault(&many).contains("elements"));
        let attributes: String = (0..5000).map(|n| format!(" a{n}=''")).collect();
        assert!(fault(&format!("<r{attributes}/>")).contains("attributes"));
    }

    #[test]
    fn values_are_normalised_and_adjacent_texts_joined() {
        let text = "<a b=' x&#10;y\tz\n'>one&amp;<![CDATA[<two>]]>&#x1F600;</a>";
        let document = parse(text).unwrap();
        assert_eq!(document.attribute(document.root(), Namespace::None, "b"), Some(" x\ny z "));
        assert_eq!(document.text(document.root()), "one&<two>\u{1F600}");
        assert_eq!(document.children(document.root()).count(), 1);
    }
}
