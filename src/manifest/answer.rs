//! What a Marketplace answers with: lists of documents, and errors.
//!
//! Nothing is believed here. A list is only cut into its documents; each goes to the
//! verifier by itself.

use quick_xml::Reader;
use quick_xml::events::Event;

use super::xml::{self, Malformed};

/// Documents of one list; the field's Marketplace had a thousand entries in all.
const MAX_LISTED: usize = 10_000;

/// The documents in a Marketplace's answer: those inside of `metadata`, or else the answer
/// itself.
///
/// # Errors
/// When it is no XML, or holds too many.
pub fn listed(text: &str) -> Result<Vec<&str>, Malformed> {
    let mut reader = Reader::from_str(text);
    let mut found = Vec::new();
    let mut depth = 0_usize;
    let mut start = 0;
    loop {
        let before = place(&reader);
        let wrong = |fault: String| Malformed { line: line(text, before), fault };
        let event = reader.read_event().map_err(|error| wrong(error.to_string()))?;
        match &event {
            Event::Eof if depth == 0 => return Ok(found),
            Event::Eof => return Err(wrong("it ends inside of an element".to_owned())),
            Event::Start(tag) | Event::Empty(tag)
                if depth == 0 && tag.name().as_ref() != "metadata" =>
            {
                return Ok(vec![text]);
            }
            Event::Start(_) | Event::Empty(_) if depth == 1 => start = before,
            _ => {}
        }
        let ends = match event {
            Event::Start(_) => {
                depth += 1;
                false
            }
            // What ends more than began is told by the reader.
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                depth == 1
            }
            Event::Empty(_) => depth == 1,
            _ => false,
        };
        if ends {
            found.push(text.get(start..place(&reader)).unwrap_or_default());
            if found.len() > MAX_LISTED {
                return Err(wrong(format!("more than {MAX_LISTED} documents in one list")));
            }
        }
    }
}

fn place(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

fn line(text: &str, place: usize) -> usize {
    1 + text.bytes().take(place).filter(|byte| *byte == b'\n').count()
}

/// What an error says: the text of `error`, also where the message was not escaped, as the
/// field's Marketplace has it.
pub fn error_text(text: &str) -> Option<String> {
    let parsed = xml::decode(text.as_bytes()).ok().and_then(|text| {
        let document = xml::parse(&text).ok()?;
        let root = document.root();
        let is_error = document.element(root).is_some_and(|root| root.local == "error");
        is_error.then(|| document.text(root).trim().to_owned())
    });
    parsed.or_else(|| {
        let (_, rest) = text.split_once("<error>")?;
        let (message, _) = rest.rsplit_once("</error>")?;
        Some(message.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_cut_into_its_documents() {
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>";
        let list = format!("{head}<metadata>\n<a b='>'><c/><!-- </a> --></a><d/>\n</metadata>");
        assert_eq!(listed(&list).unwrap(), ["<a b='>'><c/><!-- </a> --></a>", "<d/>"]);
        assert!(listed(&format!("{head}<metadata></metadata>")).unwrap().is_empty());
        assert!(listed("<metadata/>").unwrap().is_empty());
        let one = format!("{head}\n<rdf:RDF><metadata><x/></metadata></rdf:RDF>");
        assert_eq!(listed(&one).unwrap(), [one.as_str()]);
    }

    #[test]
    fn what_is_no_list_says_where() {
        for (text, at) in [("<metadata>\n<a>", 2), ("<metadata>\n\n</a>", 3), ("<metadata><a", 1)] {
            assert_eq!(listed(text).unwrap_err().line, at, "{text}");
        }
        let many = format!("<metadata>{}</metadata>", "<a/>".repeat(MAX_LISTED + 1));
        assert!(listed(&many).unwrap_err().fault.contains("10000"));
    }

    #[test]
    fn a_list_that_was_cut_is_no_shorter_list() {
        let list = "<metadata><a x='1'>b</a><!-- c --><d/></metadata>";
        for end in "<metadata".len()..list.len() {
            assert!(listed(&list[..end]).is_err(), "{}", &list[..end]);
        }
        assert_eq!(listed(list).unwrap().len(), 2);
    }

    #[test]
    fn errors_are_read_escaped_or_not() {
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
        for (text, message) in [
            (format!("{head}<error>a &lt;b&gt; &amp; c</error>"), "a <b> & c"),
            (format!("{head}<error>a <b & c</error>"), "a <b & c"),
        ] {
            assert_eq!(error_text(&text).as_deref(), Some(message), "{text}");
        }
        assert_eq!(error_text("<html><body>no</body></html>"), None);
        assert_eq!(error_text("metadata entry created"), None);
    }
}
