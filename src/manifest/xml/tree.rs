//! A document as a tree of nodes in one vector.

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
    /// Namespace declarations on this element: prefix (empty for the default)
    /// and name.
    pub(in crate::manifest) declarations: Vec<(&'a str, Cow<'a, str>)>,
    /// Attributes that are not namespace declarations.
    pub(in crate::manifest) attributes: Vec<Attribute<'a>>,
    pub(in crate::manifest) children: Vec<NodeId>,
    pub(in crate::manifest) parent: Option<NodeId>,
    /// Where it stands in the text, with its tags.
    pub(in crate::manifest) span: Range<usize>,
    /// Where its end tag begins; the end of `span` when it has none.
    pub(in crate::manifest) content_end: usize,
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

    /// The value of an attribute.
    pub(in crate::manifest) fn attribute(&self, namespace: &str, local: &str) -> Option<&str> {
        let mut attributes = self.attributes.iter();
        let found = attributes.find(|a| a.local == local && a.namespace == namespace);
        found.map(|attribute| attribute.value.as_ref())
    }

    /// The name as it is written.
    pub(in crate::manifest) fn written_name(&self) -> String {
        match self.prefix {
            "" => self.local.to_owned(),
            prefix => format!("{prefix}:{}", self.local),
        }
    }
}

/// A well-formed document.
#[derive(Debug)]
pub(in crate::manifest) struct Document<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    /// Comments, instructions and the root, in order.
    pub(super) top: Vec<NodeId>,
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

    /// The elements among the children, in order.
    pub(in crate::manifest) fn child_elements(
        &self,
        id: NodeId,
    ) -> impl Iterator<Item = (NodeId, &Element<'a>)> {
        let children = self.element(id).map_or(&[][..], |element| &element.children);
        children.iter().filter_map(|child| Some((*child, self.element(*child)?)))
    }

    /// True when text other than white space stands directly in the element.
    pub(in crate::manifest) fn has_text(&self, id: NodeId) -> bool {
        let children = self.element(id).map_or(&[][..], |element| &element.children);
        children.iter().any(|child| match &self.nodes[*child] {
            Node::Text(text) => !text.chars().all(super::characters::is_space),
            _ => false,
        })
    }

    /// The text directly in the element, joined.
    pub(in crate::manifest) fn text(&self, id: NodeId) -> Cow<'_, str> {
        let children = self.element(id).map_or(&[][..], |element| &element.children);
        let mut texts = children.iter().filter_map(|child| match &self.nodes[*child] {
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
