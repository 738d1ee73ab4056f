//! What a document says, as RDF/JSON (<https://www.w3.org/TR/rdf-json/>).

use std::collections::BTreeMap;

use oxrdf::vocab::xsd;
use oxrdf::{BlankNode, NamedOrBlankNode, Term};
use oxrdfxml::RdfXmlParser;
use serde_json::{Map, Value, json};

use crate::manifest::unsigned;

/// The graph of a signed document, without the signature.
pub fn rdf_json(document: &[u8]) -> Result<Value, String> {
    let document = unsigned(document).map_err(|error| error.to_string())?;
    let mut blanks = Blanks::default();
    let mut graph = Map::new();
    for triple in RdfXmlParser::new().for_slice(document.as_bytes()) {
        let triple = triple.map_err(|error| error.to_string())?;
        let subject = match &triple.subject {
            NamedOrBlankNode::NamedNode(node) => node.as_str().to_owned(),
            NamedOrBlankNode::BlankNode(node) => blanks.name(node),
        };
        let properties = graph.entry(subject).or_insert_with(|| json!({}));
        let values = &mut properties[triple.predicate.as_str()];
        let object = object(&triple.object, &mut blanks);
        match values {
            Value::Array(values) => values.push(object),
            none => *none = json!([object]),
        }
    }
    Ok(Value::Object(graph))
}

fn object(object: &Term, blanks: &mut Blanks) -> Value {
    match object {
        Term::NamedNode(node) => json!({ "type": "uri", "value": node.as_str() }),
        Term::BlankNode(node) => json!({ "type": "bnode", "value": blanks.name(node) }),
        Term::Literal(literal) => {
            let mut object = json!({ "type": "literal", "value": literal.value() });
            if let Some(language) = literal.language() {
                object["lang"] = language.into();
            } else if literal.datatype() != xsd::STRING {
                object["datatype"] = literal.datatype().as_str().into();
            }
            object
        }
    }
}

/// Names of nodes that have none, in the order in which they come: the parser draws them.
#[derive(Default)]
struct Blanks(BTreeMap<String, usize>);

impl Blanks {
    fn name(&mut self, node: &BlankNode) -> String {
        let next = self.0.len();
        let number = self.0.entry(node.as_str().to_owned()).or_insert(next);
        format!("_:b{number}")
    }
}
