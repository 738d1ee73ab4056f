//! Lists: found first, by content id, then sent document by document.

use std::cmp::Reverse;
use std::io;
use std::sync::Arc;
use std::vec;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use futures::{StreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;

use super::answers::{self, PAGE_END, Refused};
use super::datatables::{self, HEADINGS, Table};
use super::filter::Filter;
use super::media::Media;
use super::parameters::Parameters;
use super::{Asked, Marketplace, NOTHING_FITS, entry, now};
use crate::manifest::without_declaration;
use crate::manifest::xml::escape;
use crate::model::{ContentId, Timestamp};
use crate::node::Catalogue;
use crate::search::{RowAt, Search, Snapshot, Summary};

/// What is put together before it is sent, in bytes, but at least one document.
const CHUNK_BYTES: usize = 64 * 1024;

/// What the list in XML begins with. Clients compare it.
const XML_HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?><metadata>";

const XML_END: &str = "</metadata>";

/// Answers a `GET` of a list.
pub(super) async fn get(
    marketplace: &Marketplace,
    asked: &Asked,
    arguments: &[&str],
) -> Result<Response, Refused> {
    let is_table = asked.parameters.has_any(&datatables::NAMES);
    let media = if is_table { Media::Json } else { asked.media };
    list(marketplace, media, arguments, &asked.parameters).await
}

/// Answers with a list in this form.
pub(super) async fn list(
    marketplace: &Marketplace,
    media: Media,
    arguments: &[&str],
    parameters: &Parameters,
) -> Result<Response, Refused> {
    let filter = Filter::read(arguments, parameters)?;
    let table = match media {
        Media::Json => Table::read(parameters)?,
        Media::Xml | Media::Html => Table::default(),
    };
    let place = Arc::clone(&marketplace.lists);
    let place = place.try_acquire_owned().map_err(|_| Refused::busy())?;
    let catalogue = marketplace.catalogue().clone();
    let begun = marketplace.search(move || {
        let snapshot = catalogue.snapshot()?;
        let found = find(&snapshot, &filter, &table, media)?;
        if found.rows.is_empty() && filter.is_narrow() && media != Media::Json {
            return Err(Refused::nothing_fits());
        }
        let bytes = found.bytes;
        let sending = Sending::new((catalogue, snapshot), media, &table, found, place);
        let (first, rest) = sending.next().map_err(|error| Refused::broken(&error))?;
        Ok((first, rest, bytes))
    });
    let (first, rest, bytes) = begun.await?;
    let Some(rest) = rest else { return Ok(answers::answer(StatusCode::OK, media, first.into())) };
    let first = stream::once(async { Ok::<_, io::Error>(first) });
    let body = first.chain(stream::try_unfold(Some(rest), following));
    let mut response = answers::answer(StatusCode::OK, media, Body::from_stream(body));
    if media == Media::Xml {
        let bytes = bytes + (XML_HEAD.len() + XML_END.len()) as u64;
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    }
    Ok(response)
}

/// What was found.
struct Found {
    /// The entries of the page, in order.
    rows: Vec<(RowAt, ContentId)>,
    /// Their bytes together, as the list in XML has them.
    bytes: u64,
    /// Entries of the state that is asked for.
    of_all: usize,
    /// Entries that fit.
    fitting: usize,
}

struct Row {
    sorted_by: String,
    created: Timestamp,
    id: ContentId,
    at: RowAt,
    bytes: u64,
}

fn find(
    snapshot: &Snapshot,
    filter: &Filter,
    table: &Table,
    media: Media,
) -> Result<Found, Refused> {
    let now = now();
    let mut rows = Vec::new();
    let mut of_all = 0;
    // DataTables wants to know how many there are in all.
    let search = if media == Media::Json { Search::default() } else { filter.search() };
    let shown = snapshot.rows(&search, |at, entry| {
        of_all += usize::from(entry.is_latest && filter.has_state(&entry, now));
        if !filter.fits(&entry, now) {
            return;
        }
        let cells = datatables::cells(&entry);
        if table.finds(&cells) {
            rows.push(Row {
                sorted_by: table.sorted_by(&cells),
                created: entry.key.created,
                id: entry.content_id,
                at,
                bytes: entry.listed_bytes,
            });
        }
    });
    shown.map_err(|error| Refused::broken(&error))?;
    rows.sort_by(|a, b| {
        let ordered = a.sorted_by.cmp(&b.sorted_by);
        let ordered = if table.is_descending() { ordered.reverse() } else { ordered };
        ordered.then((Reverse(a.created), a.id).cmp(&(Reverse(b.created), b.id)))
    });
    let page = table.page(&rows);
    Ok(Found {
        rows: page.iter().map(|row| (row.at, row.id)).collect(),
        bytes: page.iter().map(|row| row.bytes).sum(),
        of_all,
        fitting: rows.len(),
    })
}

/// A list on its way.
struct Sending {
    catalogue: Catalogue,
    snapshot: Snapshot,
    media: Media,
    rows: vec::IntoIter<(RowAt, ContentId)>,
    /// What comes before the first document.
    head: String,
    /// Given back when the answer ends, however it ends.
    _place: OwnedSemaphorePermit,
}

async fn following(rest: Option<Sending>) -> io::Result<Option<(Bytes, Option<Sending>)>> {
    let Some(rest) = rest else { return Ok(None) };
    let span = tracing::Span::current();
    let read = tokio::task::spawn_blocking(move || span.in_scope(|| rest.next()));
    read.await.map_err(io::Error::other)?.map(Some)
}

impl Sending {
    fn new(
        (catalogue, snapshot): (Catalogue, Snapshot),
        media: Media,
        table: &Table,
        found: Found,
        place: OwnedSemaphorePermit,
    ) -> Sending {
        let Found { rows, of_all, fitting, .. } = found;
        let head = match media {
            Media::Xml => XML_HEAD.to_owned(),
            Media::Json => {
                let message = if fitting == 0 { NOTHING_FITS } else { "" };
                format!(
                    "{{\"sEcho\":{},\"iTotalRecords\":{of_all},\"iTotalDisplayRecords\":{fitting},\
                     \"rMsg\":\"{message}\",\"aaData\":[",
                    table.echo
                )
            }
            Media::Html => table_head(&format!("{fitting} entries")),
        };
        Sending { catalogue, snapshot, media, rows: rows.into_iter(), head, _place: place }
    }

    /// The next piece, and what comes after it.
    fn next(mut self) -> io::Result<(Bytes, Option<Sending>)> {
        let mut octets = std::mem::take(&mut self.head).into_bytes();
        while octets.len() < CHUNK_BYTES {
            let Some((at, id)) = self.rows.next() else {
                let end = match self.media {
                    Media::Xml => XML_END.to_owned(),
                    Media::Json => "]}".to_owned(),
                    Media::Html => format!("</tbody></table>\n{PAGE_END}"),
                };
                octets.extend_from_slice(end.as_bytes());
                return Ok((octets.into(), None));
            };
            if self.media == Media::Xml {
                let document = self.catalogue.document(&id).map_err(io::Error::other)?;
                // Nothing is ever deleted.
                let document = document.ok_or(io::ErrorKind::NotFound)?;
                octets.extend_from_slice(without_declaration(&document));
            } else {
                let entry = self.snapshot.row(at).map_err(io::Error::other)?;
                self.put(&mut octets, &entry)?;
            }
        }
        Ok((octets.into(), Some(self)))
    }

    fn put(&self, octets: &mut Vec<u8>, entry: &Summary) -> io::Result<()> {
        let cells = datatables::cells(entry);
        if self.media == Media::Json {
            let cells = cells.map(|cell| cell.unwrap_or_else(|| "null".to_owned()));
            serde_json::to_writer(&mut *octets, &cells)?;
            if self.rows.len() > 0 {
                octets.push(b',');
            }
        } else {
            let link = escape(&entry::path(&entry.key));
            let cells = cells.iter().skip(1).map(|cell| escape(cell.as_deref().unwrap_or("")));
            let cells: Vec<String> = cells.map(|cell| format!("<td>{cell}</td>")).collect();
            let row = format!("<tr><td><a href=\"{link}\">show</a></td>{}</tr>\n", cells.concat());
            octets.extend_from_slice(row.as_bytes());
        }
        Ok(())
    }
}

/// A page up to the rows of its table.
fn table_head(title: &str) -> String {
    let headings: Vec<String> =
        HEADINGS.iter().map(|heading| format!("<th scope=\"col\">{heading}</th>")).collect();
    let head = answers::page_head(title);
    format!("{head}<table><thead><tr>{}</tr></thead><tbody>\n", headings.concat())
}
