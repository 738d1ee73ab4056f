//! `stratus-validate-metadata`

use std::path::PathBuf;

use clap::Parser;

use super::super::{Exit, output, publish};
use super::{Named, Talk};
use crate::manifest::Verifier;

/// Exit codes from 255 on mean something else.
const MAX_COUNT: usize = 254;

/// Validate metadata descriptions: their form, their rules, their signature.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "\
Examples:
  stratus-validate-metadata centos-6.2-x86_64-base-1.0.xml
  stratus-validate-metadata *.xml

Prints `Valid: FILE`, or on standard error `Invalid: FILE` and why. The exit code is the
number of invalid files, 254 at the most."
)]
pub(super) struct Validate {
    #[command(flatten)]
    talk: Talk,
    /// The signed metadata
    #[arg(required = true, value_name = "METADATA-FILE")]
    files: Vec<PathBuf>,
}

impl Named for Validate {
    fn talk(&self) -> &Talk {
        &self.talk
    }
}

impl Validate {
    pub(super) fn run(self) -> Result<(), Exit> {
        let verifier = Verifier::new();
        let mut invalid = 0;
        for file in &self.files {
            let name = file.display();
            let checked = publish::read_document(file).map_err(|exit| exit.message);
            let checked = checked.and_then(|document| {
                verifier.verify(document.as_bytes()).map_err(|error| error.to_string())
            });
            match checked {
                Ok(_) => output::line(format!("Valid: {name}")),
                Err(fault) => {
                    invalid += 1;
                    output::note(&format!("Invalid: {name}\n  {fault}"));
                }
            }
        }
        match u8::try_from(invalid.min(MAX_COUNT)) {
            Ok(0) => Ok(()),
            // Each file has said its own.
            count => Err(Exit::new(count.unwrap_or(u8::MAX), "")),
        }
    }
}
