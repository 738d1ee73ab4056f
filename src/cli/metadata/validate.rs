//! `suq metadata validate`

use std::path::PathBuf;

use clap::Args;

use super::super::{Common, Exit, output};
use crate::manifest::{Verifier, parse_unsigned};

/// Check manifests: form, rules, signature. Exit 5 when one is not valid.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq metadata validate image.xml
  suq metadata validate --unsigned draft.xml")]
pub(super) struct Validate {
    /// The manifests
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Do not look at the signature
    #[arg(long)]
    unsigned: bool,
}

impl Validate {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        let verifier = Verifier::new();
        let mut invalid = Vec::new();
        let mut results = Vec::new();
        for file in &self.files {
            let checked = super::super::publish::read_document(file)
                .map_err(|exit| exit.message)
                .and_then(|document| {
                    let octets = document.as_bytes();
                    let fault = |error: crate::manifest::Unverified| error.to_string();
                    match self.unsigned {
                        true => parse_unsigned(octets).map(|_| ()).map_err(fault),
                        false => verifier.verify(octets).map(|_| ()).map_err(fault),
                    }
                });
            let name = file.display().to_string();
            if checked.is_ok() && !common.json {
                output::line(format!("Valid: {name}"));
            }
            let fault = checked.err();
            results
                .push(serde_json::json!({"file": name, "valid": fault.is_none(), "fault": fault}));
            invalid.extend(fault.map(|fault| format!("Invalid: {name}: {fault}")));
        }
        if common.json {
            output::json(&results)?;
        }
        match invalid.is_empty() {
            true => Ok(()),
            false => Err(Exit::new(Exit::NOT_VERIFIED, invalid.join("\n"))),
        }
    }
}
