//! `stratus-build-metadata`

use std::path::PathBuf;

use clap::Parser;

use super::super::Exit;
use super::super::metadata::{Description, write_file};
use super::{Named, Talk, must_be_file};

/// Construct a new metadata description of a machine or disk image.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "\
Examples:
  stratus-build-metadata --os centos --os-version 6.2 --os-arch x86_64 --image-version 1.0 \\
      --author 'Jane Tester' --location http://example.org/disk.img.gz disk.img.gz

Writes OS-OSVERSION-ARCH-TYPE-VERSION.xml into the working folder, valid for 178 days.
Size and checksums are of the uncompressed image: what ends in .gz, .bz2, .xz or .zst is
decompressed for them. A checksum that is given is compared with the image's."
)]
pub(super) struct Build {
    #[command(flatten)]
    talk: Talk,
    /// The machine or disk image to describe
    image: PathBuf,
    #[command(flatten)]
    description: Description,
}

impl Named for Build {
    fn talk(&self) -> &Talk {
        &self.talk
    }
}

impl Build {
    pub(super) fn run(self) -> Result<(), Exit> {
        must_be_file(&self.image, "the image")?;
        if !self.description.has_location() {
            self.talk.warning(
                "the image's location (URL) was not given: set it in the manifest by hand, or \
                 give --location",
            );
        }
        let missing = self.description.missing();
        if !missing.is_empty() {
            self.talk.warning(&format!("not given: {}", missing.join(", ")));
        }
        let described = self.description.describe(&self.image)?;
        write_file(&described.name, described.text.as_bytes())?;
        let (identifier, name) = (described.identifier, described.name.display());
        self.talk.detail(&format!("Manifest: {name} describes {identifier}"));
        Ok(())
    }
}
