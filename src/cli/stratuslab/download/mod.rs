//! `stratus-download-image`

mod image;

use std::path::PathBuf;

use clap::Parser;

use self::image::{Sources, fetch};
use super::super::{Exit, ask, output};
use super::marketplace::{self, EndpointOptions, Marketplace, documents, parts, verified};
use super::{Named, Talk};
use crate::fetch::{Client, Endpoint, Pattern, Reason};
use crate::manifest::{Manifest, Verified};

/// Entries that name a location, at the most: one image has few.
const MAX_NAMING: &str = "50";

/// Download a machine or disk image, verified.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "\
Examples:
  stratus-download-image -o disk.img MMZu9WvwKIro-rtBQfDk4PsKO7_
  stratus-download-image -o disk.img \\
      http://127.0.0.1:8081/metadata/MMZu9WvwKIro-rtBQfDk4PsKO7_/me@example.org/2012-02-03T10:11:12Z

URI is the address of a manifest, or IDENTIFIER[/EMAIL[/DATE]] at the Marketplace, or a
location that a current entry of the Marketplace names first. The signature is verified, then
the locations are tried in order, and last the Marketplace itself, for a suq node hands out
images. What is compressed (gzip, bzip2, xz, zstd) is decompressed. The file appears when its
size and every checksum of the manifest match. No policy is asked: see stratus-policy-image.

Strangers write the locations of manifests. Private addresses are reached only on the server
of the Marketplace, on the one of a URI that is typed here, and where --allow names them."
)]
pub(super) struct Download {
    #[command(flatten)]
    talk: Talk,
    #[command(flatten)]
    endpoint: EndpointOptions,
    /// Where to save the image
    #[arg(short, long, value_name = "FILE", default_value = "/tmp/image.img")]
    output: PathBuf,
    /// Host, .domain, address or network that locations may name although it is private; may
    /// be repeated
    #[arg(long, value_name = "HOST")]
    allow: Vec<Pattern>,
    /// The metadata entry of the image, or its location
    uri: String,
}

impl Named for Download {
    fn talk(&self) -> &Talk {
        &self.talk
    }
}

impl Download {
    pub(super) fn run(self) -> Result<(), Exit> {
        let marketplace = self.endpoint.marketplace()?;
        // A file that is half written vanishes also then.
        match ask::until_interrupted(self.download(&marketplace))? {
            Some(ended) => ended,
            None => Err(Exit::failed("interrupted: nothing was saved")),
        }
    }

    async fn download(&self, marketplace: &Marketplace) -> Result<(), Exit> {
        let mut sources = Sources {
            named: vec![marketplace.endpoint.clone()],
            open: marketplace::client(self.reachable(&marketplace.endpoint, None))?,
            guarded: marketplace::client(self.allow.clone())?,
        };
        let documents = if self.uri.starts_with("http://") || self.uri.starts_with("https://") {
            let typed = Endpoint::of_url(&self.uri)
                .map_err(|error| Exit::new(Exit::USAGE, error.to_string()))?;
            sources.open =
                marketplace::client(self.reachable(&marketplace.endpoint, Some(&typed)))?;
            sources.named.push(typed);
            self.behind_url(marketplace, &sources.open).await?
        } else {
            let (_, path) = parts(&self.uri)?;
            let url = marketplace.endpoint.at(&[&["metadata"][..], &path].concat());
            marketplace.documents(&url).await?
        };
        let (entries, faults) = verified(&documents);
        for fault in &faults {
            self.talk.warning(fault);
        }
        if entries.is_empty() {
            let message = format!("{}: failed to find a verified metadata entry", self.uri);
            return Err(Exit::failed(message));
        }
        let mut failures = Vec::new();
        for entry in &entries {
            self.warn_of(entry);
            for location in self.locations(entry.manifest(), &marketplace.endpoint) {
                self.talk.detail(&format!("Looking for image: {location}"));
                match fetch(&sources, &location, entry.manifest(), &self.output).await? {
                    Ok(()) => {
                        let output = self.output.display();
                        self.talk.detail(&format!("Downloaded image to: {output}"));
                        return Ok(());
                    }
                    Err(reason) => failures.push(format!("{location}: {reason}")),
                }
            }
        }
        let hint = if failures.iter().any(|failure| failure.contains("[fetch] allow")) {
            "\n  here --allow HOST names what may be reached although it is private"
        } else {
            ""
        };
        let failures = failures.join("\n  ");
        Err(Exit::failed(format!("no location gave the image:\n  {failures}{hint}")))
    }

    /// Hosts that may be private, for a person has named them.
    fn reachable(&self, endpoint: &Endpoint, typed: Option<&Endpoint>) -> Vec<Pattern> {
        let servers = std::iter::once(endpoint).chain(typed);
        servers.filter_map(Endpoint::pattern).chain(self.allow.iter().cloned()).collect()
    }

    /// The manifests at a URL; where there is none, those that name it as a location.
    async fn behind_url(
        &self,
        marketplace: &Marketplace,
        client: &Client,
    ) -> Result<Vec<String>, Exit> {
        match marketplace::look(client, &self.uri, "application/xml").await {
            Ok(reply) if reply.status != 200 || reply.body.trim_ascii_start().starts_with(b"<") => {
                documents(&self.uri, &reply)
            }
            Err(error) if !matches!(error.reason(), Reason::AnswerSize(_)) => {
                Err(marketplace::unreachable(error))
            }
            // An image, and most are too large to be looked at.
            _ => self.naming(marketplace, client).await,
        }
    }

    /// The documents of the entries whose location is what was typed: the first one, for a
    /// list has no more.
    async fn naming(
        &self,
        marketplace: &Marketplace,
        client: &Client,
    ) -> Result<Vec<String>, Exit> {
        let query = [
            ("media", "json"),
            ("sSearch", self.uri.as_str()),
            ("iDisplayStart", "0"),
            ("iDisplayLength", MAX_NAMING),
        ];
        let url = marketplace.endpoint.asked(&["metadata"], &query);
        let reply = marketplace::look(client, &url, "application/json").await;
        let reply = reply.map_err(marketplace::unreachable)?;
        let unreadable = |_| Exit::failed(format!("{}: no list", marketplace.endpoint));
        let list: serde_json::Value = serde_json::from_slice(&reply.body).map_err(unreadable)?;
        let rows = list["aaData"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut found = Vec::new();
        for row in rows.iter().filter(|row| row[8] == self.uri.as_str()) {
            let cell = |column: usize| row[column].as_str().unwrap_or_default();
            // As DataTables has them: identifier, email and date.
            let path = ["metadata", cell(7), cell(4), cell(6)];
            found.extend(marketplace.documents(&marketplace.endpoint.at(&path)).await?);
        }
        if found.is_empty() {
            return Err(Exit::failed(format!(
                "{}: this is no manifest, and no entry of {} has it as its location: what the \
                 image should be is not known",
                self.uri, marketplace.endpoint
            )));
        }
        Ok(found)
    }

    /// Where the image may be: what was typed, what the manifest says, the Marketplace.
    fn locations(&self, manifest: &Manifest, endpoint: &Endpoint) -> Vec<String> {
        let mut locations = manifest.details.locations.clone();
        locations.sort_by_key(|location| *location != self.uri);
        let sha1 = manifest.identifier.sha1().to_string();
        locations.push(endpoint.at(&["blobs", "sha1", &sha1]));
        locations
    }

    fn warn_of(&self, entry: &Verified) {
        let (manifest, key) = (entry.manifest(), entry.manifest().key());
        if let Some(reason) = &manifest.details.deprecated {
            self.talk.warning(&format!("{key} is deprecated: {reason}"));
        }
        if manifest.is_expired(output::now()) {
            self.talk.warning(&format!("{key} has expired"));
        }
    }
}
