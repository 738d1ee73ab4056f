//! The form of an answer: what a request asks for, and what it takes.

use axum::http::{HeaderMap, HeaderValue, header};

use super::parameters::Parameters;

/// The forms that an answer can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// What programs of the field read.
    Xml,
    /// What DataTables reads.
    Json,
    /// What browsers show.
    Html,
}

/// What decides the form, beside the path.
pub(super) const VARY: HeaderValue = HeaderValue::from_static("Accept, User-Agent");

/// Ranges of an `Accept` that are looked at; browsers send about eight.
const MAX_RANGES: usize = 32;

impl Media {
    /// `?media=` decides; then the form that `Accept` wants most; then, where any will do,
    /// whether a browser asks. XML where nothing else does.
    pub(super) fn of(headers: &HeaderMap, parameters: &Parameters) -> Media {
        if let Some(named) = parameters.get("media").and_then(Media::named) {
            return named;
        }
        let best = wanted_most(headers, Media::in_accept);
        let is_browser = || {
            let agent = headers.get(header::USER_AGENT);
            agent.is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"))
        };
        match best {
            Some(media) => media,
            None if is_browser() => Media::Html,
            None => Media::Xml,
        }
    }

    fn in_accept(name: &str) -> Option<Media> {
        match name {
            "application/xml"
            | "text/xml"
            | "application/rdf+xml"
            | "application/sparql-results+xml" => Some(Media::Xml),
            "application/json" | "application/rdf+json" | "application/sparql-results+json" => {
                Some(Media::Json)
            }
            "text/html" | "application/xhtml+xml" => Some(Media::Html),
            _ => None,
        }
    }

    fn named(name: &str) -> Option<Media> {
        match name {
            "xml" => Some(Media::Xml),
            "json" => Some(Media::Json),
            "html" => Some(Media::Html),
            _ => None,
        }
    }
}

/// What `Accept` wants most of the forms that a name stands for; none when any will do.
pub(super) fn wanted_most<T: Copy>(
    headers: &HeaderMap,
    form: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let ranges = accepted.flat_map(|line| line.split(',')).take(MAX_RANGES);
    let mut best: Option<(u16, Option<T>)> = None;
    for (form, quality) in ranges.filter_map(|text| range(text, &form)) {
        // The first of those that are wanted as much, but a name before a wildcard.
        let is_better = best
            .is_none_or(|(before, other)| (quality, form.is_some()) > (before, other.is_some()));
        if quality > 0 && is_better {
            best = Some((quality, form));
        }
    }
    best.and_then(|(_, form)| form)
}

/// A range of `Accept` with its quality in thousandths; no form when any will do. None
/// when there is no such form here.
fn range<T>(text: &str, form: impl Fn(&str) -> Option<T>) -> Option<(Option<T>, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next()?.to_ascii_lowercase();
    let form = if name == "*/*" { None } else { Some(form(&name)?) };
    let quality = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
    Some((form, quality.map_or(1000, thousandths)))
}

/// A quality (RFC 9110 §12.4.2). What is none wants nothing.
fn thousandths(text: &str) -> u16 {
    match text.parse::<f32>() {
        Ok(quality) if (0.0..=1.0).contains(&quality) => (quality * 1000.0).round() as u16,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(query: &str, accept: &[&'static str], agent: &'static str) -> Media {
        let mut headers = HeaderMap::new();
        for line in accept {
            headers.append(header::ACCEPT, HeaderValue::from_static(line));
        }
        headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
        Media::of(&headers, &Parameters::read(query.as_bytes()))
    }

    #[test]
    fn what_is_wanted_most() {
        const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64)";
        const CHROME: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for (query, accept, agent, expected) in [
            ("", vec![], "Python-httplib2/0.7.2", Media::Xml),
            ("", vec!["*/*"], "curl/8", Media::Xml),
            ("", vec![CHROME], BROWSER, Media::Html),
            ("", vec![], BROWSER, Media::Html),
            ("", vec!["*/*"], BROWSER, Media::Html),
            ("", vec!["application/json, text/javascript, */*; q=0.01"], BROWSER, Media::Json),
            ("", vec!["application/xml"], BROWSER, Media::Xml),
            ("media=xml", vec![CHROME], BROWSER, Media::Xml),
            ("media=json", vec!["application/xml"], "", Media::Json),
            ("media=pdf", vec!["application/json"], "", Media::Json),
            ("", vec!["text/html;q=0.1, application/json;q=0.2"], "", Media::Json),
            ("", vec!["text/html;q=0.1", "application/json;q=0.2"], "", Media::Json),
            ("", vec!["application/json, application/xml"], "", Media::Json),
            ("", vec!["application/json;q=0, */*"], "", Media::Xml),
            ("", vec!["application/json;q=2, text/html;q=x"], "", Media::Xml),
            ("", vec!["*/*, application/json"], "", Media::Json),
            ("", vec!["image/png"], "", Media::Xml),
            ("", vec![";;,,=;q"], "", Media::Xml),
        ] {
            assert_eq!(media(query, &accept, agent), expected, "{query} {accept:?} {agent}");
        }
    }
}
