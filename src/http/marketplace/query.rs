//! SPARQL (<https://www.w3.org/TR/sparql11-protocol/>) over the entries' graphs.

use std::convert::Infallible;
use std::sync::{Arc, PoisonError};

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use futures::stream;
use tokio::sync::OwnedSemaphorePermit;

use super::answers::{self, Refused};
use super::media::{Media, wanted_most};
use super::parameters::Parameters;
use super::{Asked, Marketplace, body, in_turn, now};
use crate::graph::{Answer, Bounds, Fault, Form, MAX_QUERY_BYTES, Question, with_deep_stack};
use crate::node::{Catalogue, NoGraph};

/// A query in a form, where each octet may be written as three, and what stands beside it.
const MAX_BODY_BYTES: usize = 3 * MAX_QUERY_BYTES + 1024;

/// Octets of an answer that are handed on at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Parameters by which the protocol chooses graphs, as FROM does.
const GRAPHS: [&str; 2] = ["default-graph-uri", "named-graph-uri"];

/// Answers a `GET` of `/query`.
pub(super) async fn get(marketplace: &Marketplace, asked: &Asked) -> Result<Response, Refused> {
    let Some(query) = asked.parameters.get("query") else {
        return Err(Refused::bad("there is no query: send it as /query?query=SPARQL"));
    };
    answer(marketplace, asked, query.to_owned()).await
}

/// Answers a `POST` of `/query`.
pub(super) async fn posted(
    marketplace: &Marketplace,
    asked: Asked,
    sent: Body,
) -> Result<Response, Refused> {
    let kind = asked.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    let limit = format!("a query has at most {MAX_QUERY_BYTES} bytes");
    let sent =
        body::read(&asked.headers, (sent, marketplace.patience), MAX_BODY_BYTES, &limit).await?;
    match kind.as_str() {
        "application/x-www-form-urlencoded" => {
            let parameters = Parameters::read(&sent).and(asked.parameters);
            get(marketplace, &Asked { parameters, ..asked }).await
        }
        "application/sparql-query" => {
            let query = String::from_utf8(sent.into());
            let query = query.map_err(|_| Refused::bad("the query is not UTF-8 text"))?;
            answer(marketplace, &asked, query).await
        }
        _ => {
            let message = "a query is sent as application/sparql-query, or as `query` in \
                           application/x-www-form-urlencoded";
            Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
        }
    }
}

/// `?media=` or `?format=` decides, then what `Accept` wants most, then the form of errors.
fn form(asked: &Asked) -> Form {
    let named = ["media", "format"].into_iter().find_map(|name| {
        let name = asked.parameters.get(name)?;
        named(name).or_else(|| in_accept(name))
    });
    named.or_else(|| wanted_most(&asked.headers, in_accept)).unwrap_or(match asked.media {
        Media::Xml => Form::Xml,
        Media::Json => Form::Json,
        Media::Html => Form::Table,
    })
}

fn named(name: &str) -> Option<Form> {
    match name {
        "xml" => Some(Form::Xml),
        "json" => Some(Form::Json),
        "csv" => Some(Form::Csv),
        "tsv" => Some(Form::Tsv),
        "html" => Some(Form::Table),
        _ => None,
    }
}

fn in_accept(name: &str) -> Option<Form> {
    match name {
        "application/sparql-results+xml" | "application/xml" | "text/xml" => Some(Form::Xml),
        "application/sparql-results+json" | "application/json" => Some(Form::Json),
        "text/csv" => Some(Form::Csv),
        "text/tab-separated-values" => Some(Form::Tsv),
        "text/html" | "application/xhtml+xml" => Some(Form::Table),
        _ => None,
    }
}

async fn answer(
    marketplace: &Marketplace,
    asked: &Asked,
    query: String,
) -> Result<Response, Refused> {
    if asked.parameters.has_any(&GRAPHS) {
        return Err(Refused::bad("query not allowed. It may not choose graphs"));
    }
    let place = Arc::clone(&marketplace.answers).try_acquire_owned();
    let place = place.map_err(|_| Refused::busy())?;
    let (catalogue, form) = (marketplace.catalogue().clone(), form(asked));
    let answered = in_turn(&marketplace.queries, move || {
        let answered = with_deep_stack(|| ask(&catalogue, &query, form));
        answered.map_err(|error| Refused::broken(&error))?
    });
    let (kind, octets) = match answered.await? {
        Answer::Octets(octets) => (kind(form), octets),
        Answer::Table(variables, rows) => {
            let rows = rows.iter().map(|row| row.iter().map(String::as_str));
            let table = answers::table(variables.iter().map(String::as_str), rows);
            let page = answers::page("Query", &table);
            (None, page.into_bytes())
        }
    };
    let length = HeaderValue::from(octets.len());
    let body = sending(octets.into(), place);
    let mut response = match kind {
        Some(kind) => answers::of_type(StatusCode::OK, kind, body),
        None => answers::answer(StatusCode::OK, Media::Html, body),
    };
    response.headers_mut().insert(header::CONTENT_LENGTH, length);
    Ok(response)
}

/// The media type of a form; none of a page.
fn kind(form: Form) -> Option<&'static str> {
    match form {
        Form::Xml => Some("application/sparql-results+xml"),
        Form::Json => Some("application/sparql-results+json"),
        Form::Csv => Some("text/csv; charset=utf-8"),
        Form::Tsv => Some("text/tab-separated-values; charset=utf-8"),
        Form::Table => None,
    }
}

fn ask(catalogue: &Catalogue, query: &str, form: Form) -> Result<Answer, Refused> {
    let refused = |fault: Fault| Refused::bad(fault.to_string());
    // Before anything is read for it.
    let question = Question::read(query).map_err(refused)?;
    let graphs = catalogue.graphs().map_err(|error| match error {
        NoGraph::TooLarge => Refused::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
        NoGraph::Failed(failure) => Refused::from(failure),
    })?;
    let graphs = graphs.read().unwrap_or_else(PoisonError::into_inner);
    question.answer(&graphs, form, now(), &Bounds::default()).map_err(refused)
}

/// The octets, and the place of the answer until the last of them is taken.
fn sending(octets: Bytes, place: OwnedSemaphorePermit) -> Body {
    Body::from_stream(stream::unfold((octets, place), |(mut octets, place)| async {
        if octets.is_empty() {
            return None;
        }
        let chunk = octets.split_to(octets.len().min(CHUNK_BYTES));
        Some((Ok::<_, Infallible>(chunk), (octets, place)))
    }))
}
