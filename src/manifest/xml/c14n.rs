//! Canonical XML 1.0, inclusive and exclusive, with and without comments.
//!
//! <https://www.w3.org/TR/2001/REC-xml-c14n-20010315> and
//! <https://www.w3.org/TR/2002/REC-xml-exc-c14n-20020718/>, for a whole
//! document less one element, and for one element.

use super::characters::contains_octet;
use super::parser::Malformed;
use super::tree::{Attribute, Document, Element, Node, NodeId};
use crate::manifest::namespace::Namespace;
use crate::wire::MAX_DOCUMENT_BYTES;

/// One of the four canonical forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Only the namespaces that are visibly used.
    pub exclusive: bool,
    /// Comments are kept.
    pub comments: bool,
}

impl Form {
    /// What a reference without a canonicalisation transform means.
    pub(in crate::manifest) const INCLUSIVE: Form = Form { exclusive: false, comments: false };
}

/// The canonical form of a document without one of its elements.
pub(in crate::manifest) fn document_without(
    document: &Document<'_>,
    left_out: Option<NodeId>,
    form: Form,
) -> Result<String, Malformed> {
    let mut writer = Writer::new(document, left_out, form);
    let mut before_root = true;
    for id in document.top() {
        let is_root = id == document.root;
        let is_shown = match document.node(id) {
            Node::Comment(_) => form.comments,
            _ => true,
        };
        if !is_shown {
            continue;
        }
        if !is_root && !before_root {
            writer.out.push('\n');
        }
        writer.node(id, is_root);
        if is_root {
            before_root = false;
        } else if before_root {
            writer.out.push('\n');
        }
    }
    writer.finish()
}

/// The canonical form of one element.
pub(in crate::manifest) fn element(
    document: &Document<'_>,
    id: NodeId,
    form: Form,
) -> Result<String, Malformed> {
    let mut writer = Writer::new(document, None, form);
    for ancestor in document.ancestors(id) {
        writer.declare(ancestor);
        let attributes = document.attributes(ancestor).iter();
        if !form.exclusive {
            let is_xml = |attribute: &&Attribute<'_>| attribute.namespace == Namespace::Xml;
            writer.inherited.extend(attributes.filter(is_xml));
        }
    }
    // Nearest first: what an inner element says hides what an outer one does.
    writer.inherited.reverse();
    writer.node(id, true);
    writer.finish()
}

struct Writer<'d, 'a> {
    document: &'d Document<'a>,
    left_out: Option<NodeId>,
    form: Form,
    out: String,
    /// Declarations in scope in the document at the first element, innermost last.
    scope: Vec<(&'d str, Namespace)>,
    /// Declarations in scope in the output, innermost last.
    rendered: Vec<(&'d str, Namespace)>,
    /// `xml:` attributes of the ancestors of the first element.
    inherited: Vec<&'d Attribute<'a>>,
}

impl<'d, 'a> Writer<'d, 'a> {
    fn new(document: &'d Document<'a>, left_out: Option<NodeId>, form: Form) -> Self {
        let (out, scope, rendered) = (String::with_capacity(8192), Vec::new(), Vec::new());
        Writer { document, left_out, form, out, scope, rendered, inherited: Vec::new() }
    }

    fn finish(self) -> Result<String, Malformed> {
        if self.is_too_long() {
            let fault = format!("its canonical form has more than {MAX_DOCUMENT_BYTES} bytes");
            return Err(Malformed { line: 1, fault });
        }
        Ok(self.out)
    }

    /// The exclusive form repeats declarations: a long namespace name that each
    /// of many elements uses would fill the memory.
    fn is_too_long(&self) -> bool {
        self.out.len() > MAX_DOCUMENT_BYTES
    }

    fn node(&mut self, id: NodeId, is_first: bool) {
        if self.left_out == Some(id) || self.is_too_long() {
            return;
        }
        let document = self.document;
        match document.node(id) {
            Node::Element(element) => self.element(id, element, is_first),
            Node::Text(text) => escape(&mut self.out, text, Place::Text),
            Node::Comment(text) if self.form.comments => {
                self.write(&["<!--", text, "-->"]);
            }
            Node::Comment(_) => {}
            Node::Instruction { target, data: "" } => self.write(&["<?", target, "?>"]),
            Node::Instruction { target, data } => self.write(&["<?", target, " ", data, "?>"]),
        }
    }

    fn write(&mut self, parts: &[&str]) {
        for part in parts {
            self.out.push_str(part);
        }
    }

    fn name(&mut self, prefix: &str, local: &str) {
        if !prefix.is_empty() {
            self.write(&[prefix, ":"]);
        }
        self.write(&[local]);
    }

    fn declare(&mut self, element: &'d Element<'a>) {
        for declaration in self.document.declarations(element) {
            self.scope.push((declaration.prefix, declaration.namespace));
        }
    }

    fn element(&mut self, id: NodeId, element: &'d Element<'a>, is_first: bool) {
        let rendered = self.rendered.len();
        if is_first {
            self.declare(element);
        }
        self.write(&["<"]);
        self.name(element.prefix, element.local);
        self.namespaces(element, is_first);
        self.attributes(element, is_first);
        self.write(&[">"]);
        for child in self.document.children(id) {
            self.node(child, false);
        }
        self.write(&["</"]);
        self.name(element.prefix, element.local);
        self.write(&[">"]);
        self.rendered.truncate(rendered);
    }

    /// Writes the declarations that the output needs here, by prefix.
    fn namespaces(&mut self, element: &'d Element<'a>, is_first: bool) {
        let attributes = self.document.attributes(element);
        let own = (element.prefix, element.namespace);
        if self.form.exclusive && attributes.iter().all(|attribute| attribute.prefix.is_empty()) {
            // Most elements: only their own prefix.
            return self.declaration(own);
        }
        let mut needed: Vec<(&'d str, Namespace)> = if self.form.exclusive {
            let used = attributes.iter().filter(|attribute| !attribute.prefix.is_empty());
            let used = used.map(|attribute| (attribute.prefix, attribute.namespace));
            std::iter::once(own).chain(used).collect()
        } else if is_first {
            // Innermost first, so that it is the one that is kept.
            self.scope.iter().rev().copied().collect()
        } else {
            let declarations = self.document.declarations(element).iter();
            declarations.map(|declared| (declared.prefix, declared.namespace)).collect()
        };
        needed.sort_by_key(|(prefix, _)| *prefix);
        needed.dedup_by_key(|(prefix, _)| *prefix);
        for declaration in needed {
            self.declaration(declaration);
        }
    }

    /// Writes one declaration, unless the output already has it here.
    fn declaration(&mut self, (prefix, namespace): (&'d str, Namespace)) {
        let mut shown = self.rendered.iter().rev().filter(|(shown, _)| *shown == prefix);
        let shown = shown.next().map_or(Namespace::None, |(_, namespace)| *namespace);
        if prefix == "xml" || shown == namespace {
            return;
        }
        self.rendered.push((prefix, namespace));
        self.write(&[" xmlns"]);
        if !prefix.is_empty() {
            self.write(&[":", prefix]);
        }
        self.write(&["=\""]);
        escape(&mut self.out, self.document.namespace_name(namespace), Place::Attribute);
        self.write(&["\""]);
    }

    fn attributes(&mut self, element: &'d Element<'a>, is_first: bool) {
        let own = self.document.attributes(element);
        let inherited = if is_first { std::mem::take(&mut self.inherited) } else { Vec::new() };
        if let ([] | [_], []) = (own, inherited.as_slice()) {
            return own.iter().for_each(|attribute| self.attribute(attribute));
        }
        let mut attributes: Vec<&Attribute<'a>> = own.iter().collect();
        for attribute in inherited {
            let same = |other: &&Attribute<'a>| {
                other.local == attribute.local && other.namespace == attribute.namespace
            };
            if !attributes.iter().any(same) {
                attributes.push(attribute);
            }
        }
        let name = |attribute: &Attribute<'a>| self.document.namespace_name(attribute.namespace);
        attributes.sort_unstable_by(|a, b| (name(a), a.local).cmp(&(name(b), b.local)));
        attributes.into_iter().for_each(|attribute| self.attribute(attribute));
    }

    fn attribute(&mut self, attribute: &Attribute<'a>) {
        self.write(&[" "]);
        self.name(attribute.prefix, attribute.local);
        self.write(&["=\""]);
        escape(&mut self.out, &attribute.value, Place::Attribute);
        self.write(&["\""]);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Text,
    Attribute,
}

fn escape(out: &mut String, text: &str, place: Place) {
    let special = |byte: u8| match place {
        Place::Text => matches!(byte, b'&' | b'<' | b'>' | b'\r'),
        Place::Attribute => matches!(byte, b'&' | b'<' | b'"' | b'\t' | b'\n' | b'\r'),
    };
    if !contains_octet(text, special) {
        return out.push_str(text);
    }
    for c in text.chars() {
        match (c, place) {
            ('&', _) => out.push_str("&amp;"),
            ('<', _) => out.push_str("&lt;"),
            ('\r', _) => out.push_str("&#xD;"),
            ('>', Place::Text) => out.push_str("&gt;"),
            ('"', Place::Attribute) => out.push_str("&quot;"),
            ('\t', Place::Attribute) => out.push_str("&#x9;"),
            ('\n', Place::Attribute) => out.push_str("&#xA;"),
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::xml::{decode, parse};

    const INPUT: &str = "<?xml version='1.0'?>\n<!-- before -->\n<?go  now ?>\n\
        <r xmlns='urn:d' xmlns:b='urn:b' xmlns:a='urn:a' xml:lang='en' z='1' b:y='2' a:x='&#9;\"&lt;>'>\
        <!-- in --><e xmlns='' xmlns:a='urn:a'/>\r\n\
        <b:f xmlns:b='urn:c' xmlns='urn:d'>&gt;&#13;<![CDATA[&]]></b:f></r>\n<!-- after -->";

    fn canonical(exclusive: bool, comments: bool) -> String {
        let text = decode(INPUT.as_bytes()).unwrap();
        let document = parse(&text).unwrap();
        let form = Form { exclusive, comments };
        document_without(&document, None, form).unwrap()
    }

    #[test]
    fn inclusive_with_comments() {
        assert_eq!(
            canonical(false, true),
            "<!-- before -->\n<?go now ?>\n\
            <r xmlns=\"urn:d\" xmlns:a=\"urn:a\" xmlns:b=\"urn:b\" z=\"1\" xml:lang=\"en\" \
            a:x=\"&#x9;&quot;&lt;>\" b:y=\"2\"><!-- in --><e xmlns=\"\"></e>\n\
            <b:f xmlns:b=\"urn:c\">&gt;&#xD;&amp;</b:f></r>\n<!-- after -->"
        );
    }

    #[test]
    fn exclusive_without_comments_shows_only_what_is_used() {
        assert_eq!(
            canonical(true, false),
            "<?go now ?>\n\
            <r xmlns=\"urn:d\" xmlns:a=\"urn:a\" xmlns:b=\"urn:b\" z=\"1\" xml:lang=\"en\" \
            a:x=\"&#x9;&quot;&lt;>\" b:y=\"2\"><e xmlns=\"\"></e>\n\
            <b:f xmlns:b=\"urn:c\">&gt;&#xD;&amp;</b:f></r>"
        );
    }

    #[test]
    fn one_element_inherits_namespaces_and_xml_attributes_only_inclusively() {
        let text = "<r xmlns='urn:d' xmlns:u='urn:u' xml:lang='en' xml:space='x'>\
            <s xml:lang='fr'><t/></s></r>";
        let document = parse(text).unwrap();
        let (s, _) = document.child_elements(document.root()).next().unwrap();
        let (t, _) = document.child_elements(s).next().unwrap();
        let of = |exclusive| element(&document, t, Form { exclusive, comments: false }).unwrap();
        assert_eq!(
            of(false),
            "<t xmlns=\"urn:d\" xmlns:u=\"urn:u\" xml:lang=\"fr\" xml:space=\"x\"></t>"
        );
        assert_eq!(of(true), "<t xmlns=\"urn:d\"></t>");
    }
}
