//! `suq metadata show`

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::super::{Common, Exit, output, query};
use crate::manifest::{Manifest, Profile, Signer, Verified, Verifier, parse_unsigned};
use crate::model::ContentId;

/// Show what a manifest says, and who signed it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  suq metadata show image.xml\n  suq metadata show image.xml --json"
)]
pub(super) struct Show {
    /// The manifest
    file: PathBuf,
}

/// A manifest with its proof, or with what is wrong with that.
#[derive(Serialize)]
struct Shown {
    manifest: Manifest,
    content_id: Option<ContentId>,
    /// Modern or legacy.
    profile: Option<Profile>,
    signer: Option<Signer>,
    not_verified: Option<String>,
}

impl Show {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        let document = super::super::publish::read_document(&self.file)?;
        let verified = Verifier::new().verify(document.as_bytes());
        let manifest = match &verified {
            Ok(verified) => verified.manifest().clone(),
            Err(_) => parse_unsigned(document.as_bytes()).map_err(|error| {
                Exit::new(Exit::NOT_VERIFIED, format!("{}: {error}", self.file.display()))
            })?,
        };
        let shown = Shown {
            manifest,
            content_id: verified.as_ref().ok().map(Verified::content_id),
            profile: verified.as_ref().ok().map(|verified| verified.signer().profile),
            signer: verified.as_ref().ok().map(|verified| verified.signer().clone()),
            not_verified: verified.err().map(|error| error.to_string()),
        };
        if common.json {
            return output::json(&shown);
        }
        query::print_manifest(&shown.manifest);
        if let (Some(id), Some(signer)) = (shown.content_id, shown.signer) {
            output::line(format!("signed       {} ({:?})", signer.algorithms, signer.profile));
            output::line(format!("certificate  {} until {}", signer.certificate, signer.not_after));
            output::line(format!("content id   {id}"));
        }
        if let Some(fault) = shown.not_verified {
            output::line(format!("NOT VERIFIED {fault}"));
        }
        Ok(())
    }
}
