//! `suq metadata sign`

use std::path::{Path, PathBuf};

use clap::Args;

use super::super::key::KeyOptions;
use super::super::{Common, Exit, output, publish};
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
        let (signed, target) = sign_file(&self.file, &self.key, self.output)?;
        report(common, &signed, &target)
    }
}

/// Signs a file into another; without one in place, and the input is kept as FILE.orig.
/// Where it was written.
pub(in crate::cli) fn sign_file(
    file: &Path,
    key: &KeyOptions,
    output: Option<PathBuf>,
) -> Result<(Signed, PathBuf), Exit> {
    let document = publish::read_document(file)?;
    let (email, style) = (key.email(), key.style());
    let signed = sign_document(document.as_bytes(), &key.read()?, email, output::now(), style)
        .map_err(|error| Exit::failed(format!("{}: {error}", file.display())))?;
    let target = match output {
        Some(target) => target,
        None => {
            let kept = PathBuf::from(format!("{}.orig", file.display()));
            write_file(&kept, document.as_bytes())?;
            file.to_owned()
        }
    };
    write_file(&target, signed.octets())?;
    Ok((signed, target))
}

/// Says what was signed.
pub(super) fn report(common: &Common, signed: &Signed, file: &Path) -> Result<(), Exit> {
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
