//! `stratus-upload-metadata`

use std::path::PathBuf;

use clap::Parser;

use super::super::{Exit, ask, output, publish};
use super::marketplace::EndpointOptions;
use super::{Named, Talk, must_be_file};
use crate::manifest::parse_unsigned;

/// Upload metadata about a machine or disk image to the Marketplace.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "\
Examples:
  stratus-upload-metadata centos-6.2-x86_64-base-1.0.xml
  stratus-upload-metadata --marketplace-endpoint http://127.0.0.1:8081 image.xml

Prints the URL of the new entry."
)]
pub(super) struct Upload {
    #[command(flatten)]
    talk: Talk,
    #[command(flatten)]
    endpoint: EndpointOptions,
    /// The signed metadata
    #[arg(value_name = "METADATA-FILE")]
    file: PathBuf,
}

impl Named for Upload {
    fn talk(&self) -> &Talk {
        &self.talk
    }
}

impl Upload {
    pub(super) fn run(self) -> Result<(), Exit> {
        must_be_file(&self.file, "the metadata file")?;
        let marketplace = self.endpoint.marketplace()?;
        let document = publish::read_document(&self.file)?;
        // Whether it is signed, and by whom, is for the Marketplace to say.
        let manifest = parse_unsigned(document.as_bytes())
            .map_err(|error| Exit::failed(format!("{}: {error}", self.file.display())))?;
        let posted = ask::block_on(marketplace.post(&document, &manifest.key()))??;
        if let Some(waits) = posted.waits {
            output::note(&waits);
        }
        self.talk.detail(&format!("uploaded to {}", marketplace.endpoint));
        output::line(posted.url);
        Ok(())
    }
}
