//! Who endorses, and what: tables as SPARQL gives them.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;

use super::answers::{self, DECLARATION, Refused};
use super::media::Media;
use super::parameters::shown;
use super::{Asked, Marketplace, now};
use crate::engine::timeline::Status;
use crate::manifest::parse_unsigned;
use crate::manifest::xml::escape;
use crate::model::Email;
use crate::node::Catalogue;
use crate::search::{Search, Summary};

/// Rows of a table, at the most.
const MAX_ROWS: usize = 10_000;

/// Octets of a table's texts, at the most: it is put together in memory.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Days that a history can go back, at the most.
const MAX_DAYS: i64 = 100_000;

const DAY: Duration = Duration::from_secs(24 * 3600);

type Row = Vec<Option<String>>;

/// Variables, and rows of what they stand for.
struct Table {
    variables: &'static [&'static str],
    rows: Vec<Row>,
}

/// Every endorser of an entry that is not superseded, by address.
pub(super) async fn all(marketplace: &Marketplace, asked: &Asked) -> Result<Response, Refused> {
    let make = |catalogue: &Catalogue| {
        let mut found = BTreeSet::new();
        rows(catalogue, &Search::default(), |entry| {
            let counts = entry.is_latest && entry.standing != Status::Withdrawn;
            if !counts || found.len() >= MAX_ROWS {
                return;
            }
            for issuer in entry.issuers {
                found.insert((entry.key.email.clone(), entry.subject.clone(), issuer));
            }
        })?;
        let row = |(email, subject, issuer): (Email, String, String)| -> Row {
            vec![Some(email.to_string()), Some(subject), Some(issuer)]
        };
        let rows = found.into_iter().map(row).collect();
        Ok(Table { variables: &["email", "subject", "issuer"], rows })
    };
    send(marketplace, asked, "Endorsers", make).await
}

/// Every entry of an endorser, of the last days or of all time, the newest first.
pub(super) async fn history(
    marketplace: &Marketplace,
    asked: &Asked,
    email: &str,
) -> Result<Response, Refused> {
    let days = asked.parameters.number("range").map_err(Refused::bad)?;
    let days = days.map(|days| days.clamp(0, MAX_DAYS).unsigned_abs());
    let days = days.and_then(|days| u32::try_from(days).ok());
    let since = days.map(|days| now().minus(DAY * days));
    let title = format!("Entries of {}", shown(email));
    let email = email.parse::<Email>().ok();
    let make = move |catalogue: &Catalogue| {
        let mut found = Vec::new();
        if let Some(email) = email {
            rows(catalogue, &of(email), |entry| {
                let created = entry.key.created;
                let counts = entry.standing != Status::Withdrawn;
                if counts && since.is_none_or(|since| created > since) {
                    found.push((Reverse(created), entry.content_id));
                }
            })?;
        }
        found.sort_unstable();
        let mut table = Table { variables: &HISTORY, rows: Vec::new() };
        let mut bytes = 0;
        for (_, id) in found {
            let Some(document) = catalogue.document(&id)? else { continue };
            bytes += document.len();
            if bytes > MAX_BYTES || table.rows.len() >= MAX_ROWS {
                break;
            }
            table.rows.extend(history_rows(&document)?);
        }
        Ok(table)
    };
    send(marketplace, asked, &title, make).await
}

const HISTORY: [&str; 6] =
    ["identifier", "created", "description", "location", "deprecated", "email"];

/// One row for each location, as a query has it.
fn history_rows(document: &[u8]) -> Result<Vec<Row>, Refused> {
    let manifest = parse_unsigned(document).map_err(|error| Refused::broken(&error))?;
    let details = manifest.details;
    let row = |location: Option<String>| {
        vec![
            Some(manifest.identifier.to_string()),
            Some(manifest.endorsement.created.to_string()),
            details.description.clone(),
            location,
            details.deprecated.clone(),
            Some(manifest.endorsement.email.to_string()),
        ]
    };
    if details.locations.is_empty() {
        return Ok(vec![row(None)]);
    }
    Ok(details.locations.iter().map(|location| row(Some(location.clone()))).collect())
}

/// The tags of an endorser's latest entries, but those that take an image back.
pub(super) async fn tags(
    marketplace: &Marketplace,
    asked: &Asked,
    email: &str,
) -> Result<Response, Refused> {
    let title = format!("Tags of {}", shown(email));
    let email = email.parse::<Email>().ok();
    let make = move |catalogue: &Catalogue| {
        let mut found = BTreeSet::new();
        if let Some(email) = email {
            rows(catalogue, &of(email), |entry| {
                if entry.standing == Status::Current && found.len() < MAX_ROWS {
                    found.extend(entry.tag);
                }
            })?;
        }
        let rows = found.into_iter().map(|tag| vec![Some(tag)]).collect();
        Ok(Table { variables: &["tag"], rows })
    };
    send(marketplace, asked, &title, make).await
}

fn of(endorser: Email) -> Search {
    Search { endorser: Some(endorser), ..Search::default() }
}

/// Shows every entry that fits. Addresses are told apart by case, which a search does not.
fn rows(
    catalogue: &Catalogue,
    search: &Search,
    mut show: impl FnMut(Summary),
) -> Result<(), Refused> {
    let fits = |entry: &Summary| {
        search.endorser.as_ref().is_none_or(|endorser| *endorser == entry.key.email)
    };
    let shown = catalogue.snapshot()?.rows(search, |_, entry| {
        if fits(&entry) {
            show(entry);
        }
    });
    shown.map_err(|error| Refused::broken(&error))
}

async fn send(
    marketplace: &Marketplace,
    asked: &Asked,
    title: &str,
    make: impl FnOnce(&Catalogue) -> Result<Table, Refused> + Send + 'static,
) -> Result<Response, Refused> {
    let catalogue = marketplace.catalogue().clone();
    let table = marketplace.search(move || make(&catalogue)).await?;
    let (media, body) = match asked.media {
        Media::Html => (Media::Html, table.html(title)),
        // The field has no other form of these.
        Media::Xml | Media::Json => (Media::Xml, table.xml()),
    };
    Ok(answers::answer(StatusCode::OK, media, body.into()))
}

impl Table {
    /// SPARQL Query Results XML (<https://www.w3.org/TR/rdf-sparql-XMLres/>).
    fn xml(&self) -> String {
        let mut xml = format!(
            "{DECLARATION}<sparql xmlns=\"http://www.w3.org/2005/sparql-results#\">\n<head>\n"
        );
        for variable in self.variables {
            xml.push_str(&format!("<variable name=\"{variable}\"/>\n"));
        }
        xml.push_str("</head>\n<results>\n");
        for row in &self.rows {
            xml.push_str("<result>\n");
            for (variable, value) in self.variables.iter().zip(row) {
                let Some(value) = value else { continue };
                let value = escape(value);
                xml.push_str(&format!(
                    "<binding name=\"{variable}\"><literal>{value}</literal></binding>\n"
                ));
            }
            xml.push_str("</result>\n");
        }
        xml.push_str("</results>\n</sparql>\n");
        xml
    }

    fn html(&self, title: &str) -> String {
        let rows = self.rows.iter();
        let rows = rows.map(|row| row.iter().map(|value| value.as_deref().unwrap_or_default()));
        let table = answers::table(self.variables.iter().copied(), rows);
        answers::page(title, &table)
    }
}
