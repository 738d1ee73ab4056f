//! Uploads: judged, stored and gossiped as what `suq publish` brings.

use std::convert::Infallible;
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use multer::Multipart;

use super::answers::{self, Refused};
use super::media::Media;
use super::parameters::Parameters;
use super::{Asked, Marketplace, aside, body, entry, listing};
use crate::manifest::{Unverified, parse_unsigned};
use crate::model::EntryKey;
use crate::node::{Answer, Call, FailureKind};
use crate::wire::MAX_DOCUMENT_BYTES;

/// A document, and what a form puts around it.
const MAX_BODY_BYTES: usize = MAX_DOCUMENT_BYTES + 16 * 1024;

/// The page with the form loads nothing and runs nothing, but may send the form here.
const FORM_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; form-action 'self'; frame-ancestors 'none'");

/// Answers a `POST` of `/metadata`.
pub(super) async fn posted(
    marketplace: &Marketplace,
    asked: Asked,
    sent: Body,
) -> Result<Response, Refused> {
    let kind = asked.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().to_owned();
    let name = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let too_large = format!("a manifest has at most {MAX_DOCUMENT_BYTES} bytes");
    // Also of those that are refused below: a client that still sends hears no answer.
    let body = body::read(&asked.headers, (sent, marketplace.patience), MAX_BODY_BYTES, &too_large)
        .await?;
    match name.as_str() {
        "application/x-www-form-urlencoded" => {
            let parameters = Parameters::read(&body).and(asked.parameters);
            listing::list(marketplace, Media::Json, &[], &parameters).await
        }
        "application/xml" | "application/rdf+xml" => upload(marketplace, &asked, body).await,
        "multipart/form-data" => {
            let file = file(&kind, body).await?;
            upload(marketplace, &asked, file).await
        }
        _ => {
            let message = "a manifest is sent as application/xml, application/rdf+xml or \
                           multipart/form-data with a file";
            Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
        }
    }
}

/// The first file of a form, as the field has it.
async fn file(kind: &str, body: Bytes) -> Result<Bytes, Refused> {
    let bad = |error: multer::Error| Refused::bad(format!("unable to parse metadata: {error}"));
    let boundary = multer::parse_boundary(kind).map_err(bad)?;
    let body = stream::once(async { Ok::<_, Infallible>(body) });
    let mut form = Multipart::new(body, boundary);
    while let Some(field) = form.next_field().await.map_err(bad)? {
        if field.file_name().is_some() {
            return field.bytes().await.map_err(bad);
        }
    }
    Err(Refused::bad("no valid file uploaded"))
}

/// A page with a form that sends a file to `/metadata`.
pub(super) fn form(marketplace: &Marketplace) -> Response {
    let content = if marketplace.takes_uploads {
        "<form method=\"post\" action=\"/metadata\" enctype=\"multipart/form-data\">\n\
         <p><label>A signed manifest: <input type=\"file\" name=\"filename\" required></label></p>\n\
         <p><button>Upload</button></p>\n</form>\n"
            .to_owned()
    } else {
        answers::paragraph("This node takes no uploads: it is a read-only repository.")
    };
    let page = answers::page("Upload", &content);
    let mut response = answers::answer(StatusCode::OK, Media::Html, page.into());
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, FORM_POLICY);
    response
}

async fn upload(
    marketplace: &Marketplace,
    asked: &Asked,
    document: Bytes,
) -> Result<Response, Refused> {
    if !marketplace.takes_uploads {
        return Err(Refused::new(StatusCode::FORBIDDEN, "read-only repository"));
    }
    if let Some(client) = asked.client {
        marketplace.rates.pay(client.address, Instant::now()).map_err(|wait| {
            let seconds = HeaderValue::from(wait.as_secs() + 1);
            let message = "too many uploads from this address: try again later";
            Refused::new(StatusCode::TOO_MANY_REQUESTS, message).with(header::RETRY_AFTER, seconds)
        })?;
    }
    let document = readable(marketplace, document).await?;
    match marketplace.node.call(Call::Publish(document)).await {
        Answer::Published { key, .. } => {
            let location = location(asked, &key)?;
            let head = [(header::LOCATION, location)];
            Ok((StatusCode::CREATED, head, "metadata entry created").into_response())
        }
        Answer::Waiting { key } => {
            let message =
                format!("metadata entry accepted: it is judged at its date, {}", key.created);
            Ok((StatusCode::ACCEPTED, message).into_response())
        }
        Answer::Failed(failure) => Err(match failure.kind {
            FailureKind::NotVerified => invalid(&failure.message),
            // Which line of its policy refused it is the site's own affair.
            FailureKind::Refused => {
                let message = "refused by this site's rules: `suq why` says there which one";
                Refused::new(StatusCode::FORBIDDEN, message)
            }
            _ => {
                tracing::warn!(%failure, "an upload could not be taken");
                Refused::busy()
            }
        }),
        _ => Err(Refused::busy()),
    }
}

fn invalid(message: &str) -> Refused {
    Refused::bad(format!("invalid metadata: {message}"))
}

/// The document, when it can be understood and nothing newer is here. Whether it is signed,
/// and allowed, is for the node to say.
async fn readable(marketplace: &Marketplace, document: Bytes) -> Result<String, Refused> {
    let catalogue = marketplace.catalogue().clone();
    let check = move || {
        let unreadable = |what: &str| Refused::bad(format!("unable to parse metadata: {what}"));
        let manifest = parse_unsigned(&document).map_err(|error| match error {
            Unverified::Malformed(error) => unreadable(&error.to_string()),
            Unverified::Rule(error) => invalid(&error.to_string()),
            Unverified::Signature(error) => invalid(&error.to_string()),
        })?;
        let EntryKey { identifier, email, created } = manifest.key();
        let latest = catalogue.store().latest(&identifier, &email);
        let latest = latest.map_err(|error| Refused::broken(&error))?;
        if latest.is_some_and(|latest| latest > created) {
            return Err(invalid("older than latest entry"));
        }
        String::from_utf8(document.into()).map_err(|_| unreadable("it is not UTF-8 text"))
    };
    aside(check).await
}

/// Where the entry is, by the name that the client has for this node.
fn location(asked: &Asked, key: &EntryKey) -> Result<HeaderValue, Refused> {
    let host = asked.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| host.parse::<Authority>().ok());
    let is_secure = asked.client.is_some_and(|client| client.is_secure);
    let scheme = if is_secure { "https" } else { "http" };
    let base = host.map_or_else(String::new, |host| format!("{scheme}://{host}"));
    let location = format!("{base}{}", entry::path(key));
    HeaderValue::try_from(location).map_err(|error| Refused::broken(&error))
}
