//! `suq metadata deprecate`

use std::path::PathBuf;

use clap::Args;

use super::super::key::KeyOptions;
use super::super::{Common, Exit, output};
use super::{sign, write_file};
use crate::manifest::deprecate;

/// Endorse a manifest anew as deprecated; publish the result to take the image back.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq metadata deprecate image.xml --reason \"security hole\" --p12-cert me.p12
  suq publish image-deprecated.xml")]
pub(super) struct Deprecate {
    /// The manifest, signed or not
    file: PathBuf,
    /// Why the image must not be used any more
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    key: KeyOptions,
    /// Write to this file [default: FILE with -deprecated before its ending]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Deprecate {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        let document = super::super::publish::read_document(&self.file)?;
        let key = self.key.read()?;
        let (email, style) = (self.key.email(), self.key.style());
        let signed =
            deprecate(document.as_bytes(), &self.reason, &key, email, output::now(), style)
                .map_err(|error| Exit::failed(format!("{}: {error}", self.file.display())))?;
        let target = self.output.clone().unwrap_or_else(|| {
            let stem = self.file.file_stem().unwrap_or_default().to_string_lossy();
            self.file.with_file_name(format!("{stem}-deprecated.xml"))
        });
        write_file(&target, signed.octets())?;
        sign::report(common, &signed, &target)
    }
}
