//! A document as a tree of nodes in one vector, in document order.

use std::borrow::Cow;
use std::ops::Range;

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

/// An element with its names resolved.
#[derive(Debug)]
pub(in crate::manifest) struct Element<'a> {
    pub(in crate::manifest) prefix: &'a str,
    pub(in crate::manifest) local: &'a str,
    /// The namespace name; empty for none.
    pub(in crate::manifest) namespace: Cow<'a, str>,
    /// Its places in the document's lists.
    pub(super) declarations: Range<usize>,
    pub(super) attributes: Range<usize>,
    pub(in crate::manifest) parent: Option<NodeId>,
    /// The first node after everything inside it.
    pub(super) end: NodeId,
    /// Where it stands in the text, with its tags.
    pub(in crate::manifest) span: Range<usize>,
    /// Where its end tag begins; the end of `span` when it has none.
    pub(in crate::manifest) content_end: usize,
}

/// A namespace declaration: the prefix (empty for the default) and the name.
#[derive(Debug)]
pub(in crate::manifest) struct Declaration<'a> {
    pub(in crate::manifest) prefix: &'a str,
    pub(in crate::manifest) name: Cow<'a, str>,
}

/// An attribute with its name resolved and its value normalised.
#[derive(Debug)]
pub(in crate::manifest) struct Attribute<'a> {
    pub(in crate::manifest) prefix: &'a str,
    pub(in crate::manifest) local: &'a str,
    /// The namespace name; empty for none.
    pub(in crate::manifest) namespace: Cow<'a, str>,
    pub(in crate::manifest) value: Cow<'a, str>,
}

impl Element<'_> {
    /// True when this is `local` of `namespace`.
    pub(in crate::manifest) fn is(&self, namespace: &str, local: &str) -> bool {
        self.local == local && self.namespace == namespace
    }

    /// The name as it is written.
    pub(in crate::manifest) fn written_name(&self) -> String {
        match self.prefix {
            "" => self.local.to_owned(),
            prefix => format!("{prefix}:{}", self.local),
        }
    }
}

/// A well-formed document. Every list is one allocation, whatever the number of
/// elements: verification spends its time on the signature.
#[derive(Debug)]
pub(in crate::manifest) struct Document<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) declarations: Vec<Declaration<'a>>,
    pub(super) attributes: Vec<Attribute<'a>>,
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
        let end = self.element(id).map_or(id, |element| element.end);
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

    /// Namespace declarations on an element.
    pub(super) fn declarations(&self, element: &Element<'a>) -> &[Declaration<'a>] {
        self.declarations.get(element.declarations.clone()).unwrap_or_default()
    }

    /// Attributes of an element that are not namespace declarations.
    pub(in crate::manifest) fn attributes(&self, element: &Element<'a>) -> &[Attribute<'a>] {
        self.attributes.get(element.attributes.clone()).unwrap_or_default()
    }

    /// The value of an attribute.
    pub(in crate::manifest) fn attribute(
        &self,
        id: NodeId,
        namespace: &str,
        local: &str,
    ) -> Option<&str> {
        let mut attributes = self.attributes(self.element(id)?).iter();
        let found = attributes.find(|a| a.local == local && a.namespace == namespace);
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
        self.next = self.document.element(id).map_or(id + 1, |element| element.end);
        Some(id)
    }
}
