//! `stratus-sign-metadata`

use std::path::PathBuf;

use clap::Parser;

use super::super::Exit;
use super::super::key::KeyOptions;
use super::super::metadata::sign_file;
use super::user::UserFile;
use super::{Named, Talk, failed, must_be_file, unsigned};

/// Sign the given metadata description of a machine or disk image.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "\
Examples:
  stratus-sign-metadata --p12-cert me.p12 centos-6.2-x86_64-base-1.0.xml
  stratus-sign-metadata --output signed.xml --email me@example.org image.xml

Signs in place and keeps the input as FILE.orig. Earlier signatures are removed and the
endorsement is filled anew; the certificate's address wins over --email. Verifiers of the
StratusLab time read only what --legacy writes.

Exit codes: 0 done; 1 not signed; 2 wrong usage; 255 failed."
)]
pub(super) struct Sign {
    #[command(flatten)]
    talk: Talk,
    #[command(flatten)]
    user: UserFile,
    #[command(flatten)]
    key: KeyOptions,
    /// Write the signed metadata to this file, and leave the input as it is
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The metadata to sign
    #[arg(value_name = "METADATA-FILE")]
    file: PathBuf,
}

impl Named for Sign {
    fn talk(&self) -> &Talk {
        &self.talk
    }
}

impl Sign {
    pub(super) fn run(self) -> Result<(), Exit> {
        must_be_file(&self.file, "the metadata file")?;
        let key = self.user.read().map_err(failed)?.complete(self.key);
        let (_, target) = sign_file(&self.file, &key, self.output).map_err(unsigned)?;
        let target = target.display();
        self.talk.detail(&format!("Metadata file successfully signed: {target}"));
        Ok(())
    }
}
