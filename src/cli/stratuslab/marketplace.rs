//! Questions to a Marketplace, and what it says.

use bytes::Bytes;
use clap::Args;

use super::super::Exit;
use super::user::UserFile;
use crate::fetch::{BadEndpoint, Client, Endpoint, Pattern, Reply, Settings, SourceError};
use crate::manifest::{Verified, Verifier, error_text, listed};
use crate::model::{EntryKey, Identifier};

/// The Marketplace when nothing names one: the node of this machine.
const LOCAL: &str = "http://127.0.0.1:8081";

/// What is sent and asked for.
const XML: &str = "application/xml";

/// Bytes of an answer: three thousand entries of the usual size.
const MAX_ANSWER_BYTES: u64 = 16 * 1024 * 1024;

/// Characters of a server's message that are shown.
const SHOWN: usize = 500;

/// Which Marketplace.
#[derive(Debug, Args)]
pub(super) struct EndpointOptions {
    #[command(flatten)]
    pub(super) user: UserFile,
    /// Marketplace, as host or URL; after the environment the configuration file is asked
    /// [default: http://127.0.0.1:8081, the node of this machine]
    #[arg(long, value_name = "URL", env = "STRATUSLAB_MARKETPLACE_ENDPOINT")]
    marketplace_endpoint: Option<String>,
}

impl EndpointOptions {
    /// The Marketplace that option, environment or file name, or the local one.
    pub(super) fn marketplace(&self) -> Result<Marketplace, Exit> {
        let user = self.user.read()?;
        let named = self.marketplace_endpoint.as_deref().filter(|text| !text.is_empty());
        let text = named.or(user.marketplace_endpoint.as_deref()).unwrap_or(LOCAL);
        let endpoint = text.parse();
        Marketplace::new(
            endpoint.map_err(|error: BadEndpoint| Exit::new(Exit::USAGE, error.to_string()))?,
        )
    }
}

/// A Marketplace that may be at any address, for a person has named it.
pub(super) struct Marketplace {
    pub(super) endpoint: Endpoint,
    client: Client,
}

/// What became of a document that was sent.
pub(super) struct Posted {
    /// Where its entry is.
    pub(super) url: String,
    /// What the server says when it is no entry yet.
    pub(super) waits: Option<String>,
}

impl Marketplace {
    fn new(endpoint: Endpoint) -> Result<Marketplace, Exit> {
        let client = client(endpoint.pattern().into_iter().collect())?;
        Ok(Marketplace { endpoint, client })
    }

    /// Where an entry is.
    pub(super) fn url(&self, key: &EntryKey) -> String {
        let EntryKey { identifier, email, created } = key;
        let parts = [&identifier.to_string(), email.as_str(), &created.to_string()];
        self.endpoint.at(&[&["metadata"][..], &parts[..]].concat())
    }

    /// The documents of a list, or the one of an entry; none when nothing fits.
    pub(super) async fn documents(&self, url: &str) -> Result<Vec<String>, Exit> {
        let reply = self.client.get(url, XML, MAX_ANSWER_BYTES).await.map_err(unreachable)?;
        match reply.status {
            404 => Ok(Vec::new()),
            _ => documents(url, &reply),
        }
    }

    /// Sends a signed document.
    pub(super) async fn post(&self, document: &str, key: &EntryKey) -> Result<Posted, Exit> {
        let url = self.endpoint.at(&["metadata"]);
        let body = Bytes::copy_from_slice(document.as_bytes());
        let reply = self.client.post(&url, XML, body, MAX_ANSWER_BYTES).await;
        let reply = reply.map_err(unreachable)?;
        let waits = match reply.status {
            200 | 201 => None,
            202 => Some(message(&reply)),
            status => {
                let text = message(&reply);
                return Err(Exit::failed(format!("failed to upload to {url}: {status}: {text}")));
            }
        };
        Ok(Posted { url: self.url(key), waits })
    }
}

/// A client that reaches these hosts although they are private.
pub(super) fn client(allow: Vec<Pattern>) -> Result<Client, Exit> {
    let settings = Settings { allow, ..Settings::default() };
    Client::new(&settings).map_err(|error| Exit::failed(error.to_string()))
}

/// What a URL holds, as far as it is short.
pub(super) async fn look(client: &Client, url: &str, accept: &str) -> Result<Reply, SourceError> {
    client.get(url, accept, MAX_ANSWER_BYTES).await
}

/// The documents that an answer holds.
pub(super) fn documents(url: &str, reply: &Reply) -> Result<Vec<String>, Exit> {
    if reply.status != 200 {
        let (status, text) = (reply.status, message(reply));
        return Err(Exit::failed(format!("{url}: the server answered {status}: {text}")));
    }
    let text = str::from_utf8(&reply.body)
        .map_err(|_| Exit::failed(format!("{url}: the answer is not UTF-8 text")))?;
    let documents = listed(text).map_err(|error| Exit::failed(format!("{url}: {error}")))?;
    Ok(documents.into_iter().map(str::to_owned).collect())
}

/// Documents with their proof, the newest first, and what is wrong with the others.
pub(super) fn verified(documents: &[String]) -> (Vec<Verified>, Vec<String>) {
    let verifier = Verifier::new();
    let (mut good, mut faults) = (Vec::new(), Vec::new());
    for document in documents {
        match verifier.verify(document.as_bytes()) {
            Ok(verified) => good.push(verified),
            Err(error) => faults.push(format!("an entry is not verified: {error}")),
        }
    }
    good.sort_by_key(|verified| std::cmp::Reverse(verified.manifest().endorsement.created));
    (good, faults)
}

/// The parts of a name as people type it: an identifier, perhaps an email and a date.
pub(super) fn parts(name: &str) -> Result<(Identifier, Vec<&str>), Exit> {
    let parts: Vec<&str> = name.trim_matches('/').split('/').collect();
    let wrong = |what: String| Exit::new(Exit::USAGE, what);
    if parts.len() > 3 {
        return Err(wrong(format!("`{name}` is no entry: IDENTIFIER/EMAIL/DATE is meant")));
    }
    let identifier = parts[0].parse().map_err(|error| wrong(format!("{error}")))?;
    Ok((identifier, parts))
}

pub(super) fn unreachable(error: SourceError) -> Exit {
    Exit::failed(error.to_string())
}

/// What a server says, on one line and without what could move a terminal's cursor.
pub(super) fn message(reply: &Reply) -> String {
    let text = String::from_utf8_lossy(&reply.body);
    let text = error_text(&text).unwrap_or_else(|| text.into_owned());
    let shown = text.trim().chars().take(SHOWN);
    shown.map(|c| if c.is_control() { ' ' } else { c }).collect()
}
