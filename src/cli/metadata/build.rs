//! `suq metadata build`

use std::path::PathBuf;

use clap::Args;

use super::super::{Common, Exit, output};
use super::{Description, write_file};

/// Describe an image: hash it and write an unsigned manifest.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq metadata build disk.raw --os debian --os-version 12 --os-arch x86_64 --image-version 1.0
  suq metadata build disk.qcow2 --format qcow2 --title \"Analysis node\" -o node.xml
  suq metadata build disk.raw.gz --location https://example.org/disk.raw.gz

Writes OS-OSVERSION-ARCH-TYPE-VERSION.xml into the working folder. Size and checksums are
of the uncompressed image: what ends in .gz, .bz2, .xz or .zst is decompressed for them.
A checksum that is given is compared with the image's.")]
pub(super) struct Build {
    /// The image, compressed or not
    image: PathBuf,
    #[command(flatten)]
    description: Description,
    /// Write the manifest to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Build {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        let described = self.description.describe(&self.image)?;
        let target = self.output.unwrap_or(described.name);
        write_file(&target, described.text.as_bytes())?;
        let identifier = described.identifier;
        if common.json {
            let file = target.display().to_string();
            return output::json(&serde_json::json!({"identifier": identifier, "file": file}));
        }
        output::line(format!("{identifier} described in {}", target.display()));
        Ok(())
    }
}
