//! `stratus-deprecate-metadata`

use std::time::Duration;

use clap::Parser;

use super::super::key::KeyOptions;
use super::super::{Exit, ask, output};
use super::marketplace::{EndpointOptions, Marketplace, Posted, verified};
use super::{Named, Talk, failed, unsigned};
use crate::manifest::pki::SigningKey;
use crate::manifest::{SigningStyle, Verified, deprecate};
use crate::model::{Email, Identifier, Timestamp};

/// Dates that are tried, a second apart.
const MAX_TAKEN: usize = 10;

/// Create a new metadata entry for the given image that deprecates the image.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "\
Examples:
  stratus-deprecate-metadata --email me@example.org --reason 'a hole in its kernel' \\
      MMZu9WvwKIro-rtBQfDk4PsKO7_
  stratus-deprecate-metadata --created 2012-02-03T10:11:12Z MMZu9WvwKIro-rtBQfDk4PsKO7_

Fetches the endorser's latest entry, verifies it, endorses it anew as deprecated, and
uploads that. The endorser is who the certificate or --email says. Prints the URL of the
new entry.

Exit codes: 0 done; 1 not signed; 2 wrong usage; 255 failed."
)]
pub(super) struct Deprecate {
    #[command(flatten)]
    talk: Talk,
    #[command(flatten)]
    endpoint: EndpointOptions,
    #[command(flatten)]
    key: KeyOptions,
    /// Date of the entry to deprecate [default: the latest]
    #[arg(long, value_name = "DATE")]
    created: Option<Timestamp>,
    /// Why the image must not be used any more
    #[arg(long, value_name = "TEXT", default_value = "This image has been deprecated")]
    reason: String,
    /// Identifier of the image to deprecate
    #[arg(value_name = "IMAGE-ID")]
    image: Identifier,
}

impl Named for Deprecate {
    fn talk(&self) -> &Talk {
        &self.talk
    }
}

impl Deprecate {
    pub(super) fn run(self) -> Result<(), Exit> {
        let marketplace = self.endpoint.marketplace().map_err(failed)?;
        let options = self.endpoint.user.read().map_err(failed)?.complete(self.key);
        let key = options.read().map_err(unsigned)?;
        let style = options.style();
        let email = endorser(&key, options.email())?;
        let task = Task { image: self.image, email, created: self.created, reason: self.reason };
        let posted = ask::block_on(task.run(&marketplace, &key, style)).map_err(failed)??;
        if let Some(waits) = posted.waits {
            output::note(&waits);
        }
        self.talk.detail(&format!("deprecated at {}", marketplace.endpoint));
        output::line(posted.url);
        Ok(())
    }
}

/// Whose entry it is: who the option names, when the key may sign for that address.
fn endorser(key: &SigningKey, named: Option<&Email>) -> Result<Email, Exit> {
    let emails = key.certificate().emails();
    match named {
        Some(email) if emails.is_empty() || emails.iter().any(|own| own == email.as_str()) => {
            Ok(email.clone())
        }
        Some(email) => Err(Exit::new(
            Exit::USAGE,
            format!(
                "the certificate is of {}: only {email} can deprecate what {email} endorsed",
                emails.join(", ")
            ),
        )),
        None => {
            let missing = "the certificate has no email address: give the endorser's with --email";
            let own = emails.first().ok_or_else(|| Exit::new(Exit::USAGE, missing))?;
            own.parse().map_err(|error| Exit::new(Exit::USAGE, format!("{error}")))
        }
    }
}

struct Task {
    image: Identifier,
    email: Email,
    created: Option<Timestamp>,
    reason: String,
}

impl Task {
    async fn run(
        &self,
        marketplace: &Marketplace,
        key: &SigningKey,
        style: SigningStyle,
    ) -> Result<Posted, Exit> {
        let entry = self.entry(marketplace).await.map_err(failed)?;
        let date = self.date(marketplace, &entry).await.map_err(failed)?;
        let email = Some(&self.email);
        let signed = deprecate(entry.octets(), &self.reason, key, email, date, style)
            .map_err(|error| unsigned(Exit::failed(error.to_string())))?;
        let new = signed.verified().manifest().key();
        // Invariant: what was signed is text.
        let document = String::from_utf8_lossy(signed.octets());
        marketplace.post(&document, &new).await.map_err(failed)
    }

    /// The date of the new entry: now, or a little later where an entry has that already. Two
    /// under one key would be an equivocation.
    async fn date(&self, marketplace: &Marketplace, entry: &Verified) -> Result<Timestamp, Exit> {
        let second = Duration::from_secs(1);
        let mut key = entry.manifest().key();
        key.created = output::now().max(key.created.plus(second)).whole_seconds();
        for _ in 0..MAX_TAKEN {
            if marketplace.documents(&marketplace.url(&key)).await?.is_empty() {
                return Ok(key.created);
            }
            key.created = key.created.plus(second);
        }
        let endpoint = &marketplace.endpoint;
        Err(Exit::failed(format!("{endpoint}: there is an entry of every date: try again")))
    }

    /// The entry that is taken back, verified: a Marketplace must not make the endorser sign
    /// anything else.
    async fn entry(&self, marketplace: &Marketplace) -> Result<Verified, Exit> {
        let Task { image, email, created, .. } = self;
        let (identifier, date) = (image.to_string(), created.map(|created| created.to_string()));
        let mut path = vec!["metadata", identifier.as_str(), email.as_str()];
        path.extend(date.as_deref());
        let url = marketplace.endpoint.at(&path);
        let mut documents = marketplace.documents(&url).await?;
        if documents.is_empty() && created.is_none() {
            // Lists are of valid entries when nothing else is asked for.
            let expired = marketplace.endpoint.asked(&path, &[("status", "expired")]);
            documents = marketplace.documents(&expired).await?;
        }
        let (entries, faults) = verified(&documents);
        let is_meant = |entry: &Verified| {
            let key = entry.manifest().key();
            key.identifier == *image
                && key.email == *email
                && created.is_none_or(|created| key.created == created)
        };
        let found = entries.into_iter().find(is_meant);
        found.ok_or_else(|| match faults.first() {
            Some(fault) => Exit::failed(format!("{url}: {fault}")),
            None => Exit::failed(format!(
                "{url}: there is no entry of {email} for {image} that could be deprecated"
            )),
        })
    }
}
