//! A document as a tree of nodes in one vector, in document order.

use std::borrow::Cow;
use std::ops::Range;

use crate::manifest::namespace::Namespace;

/// The place of a node in its document.
pub(in crate::manifest) type NodeId = usize;

/// One node.
#[derive(Debug)]
pub(in crate::manifest) enum Node<'a> {
    Element(Element<'a>),
    /// Text with its references resolved; never two in a row.
    Text(Cow<'a, str>),
    Comment(&'a str),
    Instruction {
        target: &'a str,
        data: &'a str,
    },
}

/// Places in a text or a list; documents are far shorter than 4 GiB, and small
/// nodes are fast to write.
pub(super) type Places = Range<u32>;

/// An element with its names resolved.
#[derive(Debug)]
pub(in crate::manifest) struct Element<'a> {
    pub(in crate::manifest) prefix: &'a str,
    pub(in crate::manifest) local: &'a str,
    pub(in crate::manifest) namespace: Namespace,
    /// Its places in the document's lists.
    pub(super) declarations: Places,
    pub(super) attributes: Places,
    /// The first node after everything inside it.
    pub(super) end: u32,
    /// Where it stands in the text, with its tags.
    pub(super) span: Places,
    /// Where its end tag begins; the end of `span` when it has none.
    pub(super) content_end: u32,
}

/// A namespace declaration: the prefix (empty for the default) and the namespace.
#[derive(Debug)]
pub(super) struct Declaration<'a> {
    pub(super) prefix: &'a str,
    pub(super) namespace: Namespace,
}

/// An attribute with its name resolved and its value normalised.
#[derive(Debug)]
pub(in crate::manifest) struct Attribute<'a> {
    pub(in crate::manifest) prefix: &'a str,
    pub(in crate::manifest) local: &'a str,
    pub(in crate::manifest) namespace: Namespace,
    pub(in crate::manifest) value: Cow<'a, str>,
}

/// A place as it is kept.
pub(super) fn narrow(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// A place as slices want it.
pub(super) fn widen(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

impl Element<'_> {
    /// True when this is `local` of `namespace`.
    pub(in crate::manifest) fn is(&self, namespace: Namespace, local: &str) -> bool {
        self.namespace == namespace && self.local == local
    }

    /// The name as it is written.
    pub(in crate::manifest) fn written_name(&self) -> String {
        match self.prefix {
            "" => self.local.to_owned(),
            prefix => format!("{prefix}:{}", self.local),
        }
    }

    /// Where it stands in the text, with its tags, in bytes.
    pub(in crate::manifest) fn span(&self) -> Range<usize> {
        widen(self.span.start)..widen(self.span.end)
    }

    /// Where its end tag begins, in bytes; the end of its span when it has none.
    pub(in crate::manifest) fn content_end(&self) -> usize {
        widen(self.content_end)
    }
}

/// A well-formed document. Every list is one allocation, whatever the number of
/// elements: verification spends its time on the signature.
#[derive(Debug)]
pub(in crate::manifest) struct Document<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) declarations: Vec<Declaration<'a>>,
    pub(super) attributes: Vec<Attribute<'a>>,
    /// Names of the namespaces without a number of their own.
    pub(super) others: Vec<Cow<'a, str>>,
    pub(super) root: NodeId,
}

impl<'a> Document<'a> {
    pub(in crate::manifest) fn node(&self, id: NodeId) -> &Node<'a> {
        &self.nodes[id]
    }

    pub(in crate::manifest) fn root(&self) -> NodeId {
        self.root
    }

    /// The element at this place; none when it is another kind of node.
    pub(in crate::manifest) fn element(&self, id: NodeId) -> Option<&Element<'a>> {
        match self.nodes.get(id) {
            Some(Node::Element(element)) => Some(element),
            _ => None,
        }
    }

    /// Every element of the document, in order.
    pub(in crate::manifest) fn elements(&self) -> impl Iterator<Item = &Element<'a>> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            _ => None,
        })
    }

    /// The nodes directly in an element, in order.
    pub(in crate::manifest) fn children(&self, id: NodeId) -> Siblings<'_, 'a> {
        let end = self.element(id).map_or(id, |element| widen(element.end));
        Siblings { document: self, next: id + 1, end }
    }

    /// The nodes outside the root element, and the root, in order.
    pub(super) fn top(&self) -> Siblings<'_, 'a> {
        Siblings { document: self, next: 0, end: self.nodes.len() }
    }

    /// The elements among the children, in order.
    pub(in crate::manifest) fn child_elements(
        &self,
        id: NodeId,
    ) -> impl Iterator<Item = (NodeId, &Element<'a>)> {
        self.children(id).filter_map(|child| Some((child, self.element(child)?)))
    }

    /// The elements around one, the outermost first.
    pub(super) fn ancestors(&self, id: NodeId) -> impl Iterator<Item = &Element<'a>> {
        let before = self.nodes.iter().take(id);
        before.filter_map(move |node| match node {
            Node::Element(element) if widen(element.end) > id => Some(element),
            _ => None,
        })
    }

    /// The name of a namespace of this document.
    pub(in crate::manifest) fn namespace_name(&self, namespace: Namespace) -> &str {
        match namespace {
            Namespace::Other(place) => self.others.get(usize::from(place)).map_or("", |name| name),
            known => known.name(),
        }
    }

    /// Namespace declarations on an element.
    pub(super) fn declarations(&self, element: &Element<'a>) -> &[Declaration<'a>] {
        let Places { start, end } = element.declarations;
        self.declarations.get(widen(start)..widen(end)).unwrap_or_default()
    }

    /// Attributes of an element that are not namespace declarations.
    pub(in crate::manifest) fn attributes(&self, element: &Element<'a>) -> &[Attribute<'a>] {
        let Places { start, end } = element.attributes;
        self.attributes.get(widen(start)..widen(end)).unwrap_or_default()
    }

    /// The value of an attribute.
    pub(in crate::manifest) fn attribute(
        &self,
        id: NodeId,
        namespace: Namespace,
        local: &str,
    ) -> Option<&str> {
        let mut attributes = self.attributes(self.element(id)?).iter();
        let found = attributes.find(|a| a.namespace == namespace && a.local == local);
        found.map(|attribute| attribute.value.as_ref())
    }

    /// True when text other than white space stands directly in the element.
    pub(in crate::manifest) fn has_text(&self, id: NodeId) -> bool {
        self.children(id).any(|child| match &self.nodes[child] {
            Node::Text(text) => !text.chars().all(super::characters::is_space),
            _ => false,
        })
    }

    /// The text directly in the element, joined.
    pub(in crate::manifest) fn text(&self, id: NodeId) -> Cow<'_, str> {
        let mut texts = self.children(id).filter_map(|child| match &self.nodes[child] {
            Node::Text(text) => Some(text.as_ref()),
            _ => None,
        });
        let first = texts.next().unwrap_or("");
        match texts.next() {
            None => Cow::Borrowed(first),
            Some(second) => {
                let rest: String = texts.collect();
                Cow::Owned([first, second, &rest].concat())
            }
        }
    }
}

/// Nodes beside each other.
pub(in crate::manifest) struct Siblings<'d, 'a> {
    document: &'d Document<'a>,
    next: NodeId,
    end: NodeId,
}

impl Iterator for Siblings<'_, '_> {
    type Item = NodeId;

    fn next(&mut self) -> Option<NodeId> {
        if self.next >= self.end {
            return None;
        }
        let id = self.next;
        self.next = self.document.element(id).map_or(id + 1, |element| widen(element.end));
        Some(id)
    }
}
