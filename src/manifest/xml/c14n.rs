//! Canonical XML 1.0, inclusive and exclusive, with and without comments.
//!
//! <https://www.w3.org/TR/2001/REC-xml-c14n-20010315> and
//! <https://www.w3.org/TR/2002/REC-xml-exc-c14n-20020718/>, for a whole
//! document less one element, and for one element.

use super::XML_NAMESPACE;
use super::tree::{Attribute, Document, Element, Node, NodeId};

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

/// The canonical octets of a document without one of its elements.
pub(in crate::manifest) fn document_without(
    document: &Document<'_>,
    left_out: Option<NodeId>,
    form: Form,
) -> Vec<u8> {
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
            writer.out.push(b'\n');
        }
        writer.node(id, is_root);
        if is_root {
            before_root = false;
        } else if before_root {
            writer.out.push(b'\n');
        }
    }
    writer.out
}

/// The canonical octets of one element.
pub(in crate::manifest) fn element(document: &Document<'_>, id: NodeId, form: Form) -> Vec<u8> {
    let mut writer = Writer::new(document, None, form);
    let mut ancestors: Vec<&Element<'_>> = Vec::new();
    let mut next = document.element(id).and_then(|element| element.parent);
    while let Some(element) = next.and_then(|id| document.element(id)) {
        ancestors.push(element);
        next = element.parent;
    }
    for ancestor in ancestors.iter().rev() {
        writer.declare(ancestor);
    }
    if !form.exclusive {
        // Nearest first: what an inner element says hides what an outer one does.
        writer.inherited = ancestors
            .iter()
            .flat_map(|ancestor| document.attributes(ancestor))
            .filter(|attribute| attribute.namespace == XML_NAMESPACE)
            .collect();
    }
    writer.node(id, true);
    writer.out
}

struct Writer<'d, 'a> {
    document: &'d Document<'a>,
    left_out: Option<NodeId>,
    form: Form,
    out: Vec<u8>,
    /// Declarations in scope in the document, innermost last.
    scope: Vec<(&'d str, &'d str)>,
    /// Declarations in scope in the output, innermost last.
    rendered: Vec<(&'d str, &'d str)>,
    /// `xml:` attributes of the ancestors of the first element.
    inherited: Vec<&'d Attribute<'a>>,
}

impl<'d, 'a> Writer<'d, 'a> {
    fn new(document: &'d Document<'a>, left_out: Option<NodeId>, form: Form) -> Self {
        let (out, scope, rendered) = (Vec::with_capacity(8192), Vec::new(), Vec::new());
        Writer { document, left_out, form, out, scope, rendered, inherited: Vec::new() }
    }

    fn node(&mut self, id: NodeId, is_first: bool) {
        if self.left_out == Some(id) {
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
            self.out.extend_from_slice(part.as_bytes());
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
            self.scope.push((declaration.prefix, &declaration.name));
        }
    }

    fn element(&mut self, id: NodeId, element: &'d Element<'a>, is_first: bool) {
        let (scope, rendered) = (self.scope.len(), self.rendered.len());
        self.declare(element);
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
        self.scope.truncate(scope);
        self.rendered.truncate(rendered);
    }

    /// Writes the declarations that the output needs here, by prefix.
    fn namespaces(&mut self, element: &'d Element<'a>, is_first: bool) {
        let attributes = self.document.attributes(element);
        if self.form.exclusive && attributes.iter().all(|attribute| attribute.prefix.is_empty()) {
            // Most elements: only their own prefix.
            return self.namespace(element.prefix);
        }
        let mut prefixes: Vec<&'d str> = if self.form.exclusive {
            let used = attributes.iter().map(|attribute| attribute.prefix);
            let used = used.filter(|prefix| !prefix.is_empty());
            std::iter::once(element.prefix).chain(used).collect()
        } else if is_first {
            self.scope.iter().map(|(prefix, _)| *prefix).collect()
        } else {
            let declarations = self.document.declarations(element).iter();
            declarations.map(|declaration| declaration.prefix).collect()
        };
        prefixes.sort_unstable();
        prefixes.dedup();
        for prefix in prefixes {
            self.namespace(prefix);
        }
    }

    /// Writes one declaration, unless the output already has it here.
    fn namespace(&mut self, prefix: &'d str) {
        if prefix == "xml" {
            return;
        }
        let name = innermost(&self.scope, prefix).unwrap_or("");
        let shown = innermost(&self.rendered, prefix);
        if shown == Some(name) || (shown.is_none() && name.is_empty()) {
            return;
        }
        self.rendered.push((prefix, name));
        self.write(&[" xmlns"]);
        if !prefix.is_empty() {
            self.write(&[":", prefix]);
        }
        self.write(&["=\""]);
        escape(&mut self.out, name, Place::Attribute);
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
        attributes.sort_unstable_by(|a, b| (&a.namespace, a.local).cmp(&(&b.namespace, b.local)));
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

fn innermost<'d>(declarations: &[(&'d str, &'d str)], prefix: &str) -> Option<&'d str> {
    declarations.iter().rev().find(|(declared, _)| *declared == prefix).map(|(_, name)| *name)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Text,
    Attribute,
}

fn escape(out: &mut Vec<u8>, text: &str, place: Place) {
    let special = |byte: u8| match place {
        Place::Text => matches!(byte, b'&' | b'<' | b'>' | b'\r'),
        Place::Attribute => matches!(byte, b'&' | b'<' | b'"' | b'\t' | b'\n' | b'\r'),
    };
    let mut rest = text.as_bytes();
    // Without a branch, this looks at many octets at once.
    if !rest.iter().fold(false, |found, byte| found | special(*byte)) {
        return out.extend_from_slice(rest);
    }
    while let Some(position) = rest.iter().position(|byte| special(*byte)) {
        out.extend_from_slice(&rest[..position]);
        out.extend_from_slice(match rest[position] {
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            b'"' => b"&quot;",
            b'\t' => b"&#x9;",
            b'\n' => b"&#xA;",
            _ => b"&#xD;",
        });
        rest = &rest[position + 1..];
    }
    out.extend_from_slice(rest);
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
        String::from_utf8(document_without(&document, None, form)).unwrap()
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
        let of = |exclusive| {
            String::from_utf8(element(&document, t, Form { exclusive, comments: false })).unwrap()
        };
        assert_eq!(
            of(false),
            "<t xmlns=\"urn:d\" xmlns:u=\"urn:u\" xml:lang=\"fr\" xml:space=\"x\"></t>"
        );
        assert_eq!(of(true), "<t xmlns=\"urn:d\"></t>");
    }
}
