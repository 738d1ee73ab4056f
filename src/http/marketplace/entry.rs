//! One entry: its document, byte for byte.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use headers::{ETag, HeaderMapExt, LastModified};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::super::conditions::{self, Outcome};
use super::answers::{self, ASK_AGAIN, Refused, page, paragraph};
use super::media::{Media, VARY};
use super::{Asked, Marketplace};
use crate::engine::timeline::Status;
use crate::graph::rdf_json;
use crate::manifest::parse_unsigned;
use crate::manifest::xml::escape;
use crate::model::{Email, EntryKey, Identifier};
use crate::node::{Catalogue, Original};
use crate::search::Search;

const RDF_XML: HeaderValue = HeaderValue::from_static("application/rdf+xml");

const NO_SNIFFING: HeaderValue = HeaderValue::from_static("nosniff");

/// Of the characters of an address, the one that a path cannot have.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

/// Where an entry is.
pub(in crate::http) fn path(key: &EntryKey) -> String {
    let email = utf8_percent_encode(key.email.as_str(), ESCAPED);
    format!("/metadata/{}/{email}/{}", key.identifier, key.created)
}

/// Answers with the entry of a key. It is read at once, here: what is in the cache of the
/// store costs less than to hand it to another thread.
pub(super) fn get(
    marketplace: &Marketplace,
    asked: &Asked,
    identifier: &str,
    email: &str,
    date: &str,
) -> Result<Response, Refused> {
    let (Ok(identifier), Ok(email), Ok(created)) =
        (identifier.parse(), email.parse(), date.parse())
    else {
        return Err(Refused::no_entry());
    };
    let key = EntryKey { identifier, email, created };
    let original = marketplace.catalogue().original(&key)?.ok_or_else(Refused::no_entry)?;
    send(asked, &key.identifier, original)
}

/// Answers with the newest entry of an endorser under a tag.
pub(super) async fn tagged(
    marketplace: &Marketplace,
    asked: &Asked,
    email: &str,
    tag: &str,
) -> Result<Response, Refused> {
    let Ok(email) = email.parse::<Email>() else { return Err(Refused::no_entry()) };
    let (catalogue, tag) = (marketplace.catalogue().clone(), tag.to_owned());
    let found = marketplace.search(move || {
        let key = newest_tagged(&catalogue, email, &tag)?.ok_or_else(Refused::no_entry)?;
        let original = catalogue.original(&key)?.ok_or_else(Refused::no_entry)?;
        Ok((key, original))
    });
    let (key, original) = found.await?;
    send(asked, &key.identifier, original)
}

/// An image that was taken back under the tag is passed over, whichever of its entries did.
fn newest_tagged(
    catalogue: &Catalogue,
    email: Email,
    tag: &str,
) -> Result<Option<EntryKey>, Refused> {
    let search = Search { endorser: Some(email), tag: Some(tag.to_owned()), ..Search::default() };
    // Of each image: whether it was taken back, and its newest entry.
    let mut images: BTreeMap<Identifier, (bool, Option<EntryKey>)> = BTreeMap::new();
    let shown = catalogue.snapshot()?.rows(&search, |_, entry| {
        // A search does not look at case.
        if entry.tag.as_deref() != Some(tag) {
            return;
        }
        let (taken_back, newest) = images.entry(entry.key.identifier).or_default();
        *taken_back |= entry.deprecated.is_some();
        let is_newer =
            newest.as_ref().is_none_or(|newest: &EntryKey| entry.key.created > newest.created);
        if entry.standing != Status::Withdrawn && is_newer {
            *newest = Some(entry.key);
        }
    });
    shown.map_err(|error| Refused::broken(&error))?;
    let good = images.into_values().filter(|(taken_back, _)| !taken_back);
    Ok(good.filter_map(|(_, newest)| newest).max_by_key(|key| key.created))
}

fn send(asked: &Asked, identifier: &Identifier, original: Original) -> Result<Response, Refused> {
    let seen = original.first_seen.seconds();
    let modified = UNIX_EPOCH + Duration::from_secs(u64::try_from(seen).unwrap_or(0));
    let modified = modified.min(SystemTime::now());
    let tag = tag(&original, asked.media)?;
    match conditions::evaluate(&asked.headers, &tag, modified) {
        Outcome::Holds => {}
        Outcome::NotModified => {
            let mut response = StatusCode::NOT_MODIFIED.into_response();
            describe(response.headers_mut(), tag, modified);
            return Ok(response);
        }
        Outcome::Fails => {
            let message = "the entry is not as If-Match or If-Unmodified-Since wants it";
            return Err(Refused::new(StatusCode::PRECONDITION_FAILED, message));
        }
    }
    let mut response = match asked.media {
        Media::Xml => document(identifier, original.document),
        Media::Json => {
            let graph = rdf_json(&original.document).map_err(|error| Refused::broken(&error))?;
            answers::answer(StatusCode::OK, Media::Json, graph.to_string().into())
        }
        Media::Html => {
            let page = show(&original.document)?;
            answers::answer(StatusCode::OK, Media::Html, page.into())
        }
    };
    describe(response.headers_mut(), tag, modified);
    Ok(response)
}

/// The tag of a form of an entry. The document under a content id never changes here.
fn tag(original: &Original, media: Media) -> Result<ETag, Refused> {
    let form = match media {
        Media::Xml => "",
        Media::Json => "-json",
        Media::Html => "-html",
    };
    format!("\"{}{form}\"", original.id).parse().map_err(|error| Refused::broken(&error))
}

fn describe(headers: &mut HeaderMap, tag: ETag, modified: SystemTime) {
    headers.typed_insert(tag);
    headers.typed_insert(LastModified::from(modified));
    headers.insert(header::CACHE_CONTROL, ASK_AGAIN);
    headers.insert(header::VARY, VARY);
}

/// The document as it was signed.
fn document(identifier: &Identifier, document: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(document));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, RDF_XML);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFFING);
    let name = format!("attachment; filename={identifier}.xml");
    // An identifier is made of letters, digits, `-` and `_`.
    if let Ok(name) = HeaderValue::try_from(name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

/// What the entry says, for people.
fn show(document: &[u8]) -> Result<String, Refused> {
    let manifest = parse_unsigned(document).map_err(|error| Refused::broken(&error))?;
    let (key, details) = (manifest.key(), &manifest.details);
    let cells = [
        ("Identifier", Some(key.identifier.to_string())),
        ("Endorser", Some(key.email.to_string())),
        ("Endorsed", Some(key.created.to_string())),
        ("OS", details.os.clone()),
        ("OS version", details.os_version.clone()),
        ("Architecture", details.os_arch.clone()),
        ("Kind", details.kind.clone()),
        ("Location", details.locations.first().cloned()),
        ("Description", details.description.clone()),
    ];
    let row = |(heading, cell): (&str, Option<String>)| {
        let cell = escape(&cell?);
        Some(format!("<tr><th scope=\"row\">{heading}</th><td>{cell}</td></tr>\n"))
    };
    let rows: Vec<String> = cells.into_iter().filter_map(row).collect();
    let title = details.title.as_deref().unwrap_or("An image");
    let deprecated = details.deprecated.as_deref();
    let deprecated = deprecated.map_or_else(String::new, |reason| {
        paragraph(&format!("Its endorser has taken it back: {reason}"))
    });
    let content = format!(
        "{deprecated}<table><tbody>\n{}</tbody></table>\n<p><a href=\"{}?media=xml\">The signed \
         document</a></p>\n",
        rows.concat(),
        escape(&path(&key))
    );
    Ok(page(title, &content))
}
