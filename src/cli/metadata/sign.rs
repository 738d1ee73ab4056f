//! `suq metadata sign`

use std::path::PathBuf;

use clap::Args;

use super::super::key::KeyOptions;
use super::super::{Common, Exit, output};
use super::write_file;
use crate::manifest::{Signed, sign_document};

/// Endorse and sign a manifest, in place; the input is kept as FILE.orig.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq metadata sign image.xml --p12-cert me.p12
  suq metadata sign image.xml --key me.key --cert me.pem --email me@example.org -o signed.xml
  suq metadata sign image.xml --legacy          for verifiers of the StratusLab time

The address in the certificate wins over --email.")]
pub(super) struct Sign {
    /// The manifest, signed or not
    file: PathBuf,
    #[command(flatten)]
    key: KeyOptions,
    /// Write the signed manifest to this file instead
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Sign {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        let document = super::super::publish::read_document(&self.file)?;
        let key = self.key.read()?;
        let (email, style) = (self.key.email(), self.key.style());
        let signed = sign_document(document.as_bytes(), &key, email, output::now(), style)
            .map_err(|error| Exit::failed(format!("{}: {error}", self.file.display())))?;
        let target = match &self.output {
            Some(target) => target.clone(),
            None => {
                let kept = PathBuf::from(format!("{}.orig", self.file.display()));
                write_file(&kept, document.as_bytes())?;
                self.file.clone()
            }
        };
        write_file(&target, signed.octets())?;
        report(common, &signed, &target)
    }
}

/// Says what was signed.
pub(super) fn report(common: &Common, signed: &Signed, file: &std::path::Path) -> Result<(), Exit> {
    let verified = signed.verified();
    let key = verified.manifest().key();
    if common.json {
        let file = file.display().to_string();
        let id = verified.content_id();
        let answer = serde_json::json!({"key": key, "content_id": id, "file": file});
        return output::json(&answer);
    }
    output::line(format!("{key} signed in {}", file.display()));
    Ok(())
}
