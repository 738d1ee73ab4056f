//! `suq bundle`

mod export;
mod import;

use clap::{Args, Subcommand};

use super::{Common, Exit};

/// Carry a catalogue to a site without network, in one file.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq bundle export catalogue.suq
  suq bundle export --with-images debian.suq BDI_6mm3qp0jUf82Jd6vH0ZBRa9
  suq bundle export --since 2026-11-01T00:00:00Z november.suq
  suq bundle import november.suq

Import judges every manifest by this site's own policy, as if it had come over the
network, and verifies every image. It can be interrupted and repeated.")]
pub(crate) struct Bundle {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Write admitted manifests into a file
    Export(export::Export),
    /// Publish what is in a bundle to this site's node
    Import(import::Import),
}

impl Bundle {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        match self.action {
            Action::Export(export) => export.run(common),
            Action::Import(import) => import.run(common),
        }
    }
}
