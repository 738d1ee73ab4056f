//! `suq publish`

use std::path::{Path, PathBuf};

use clap::Args;

use super::progress::bytes_bar;
use super::{Common, Exit, ask, output};
use crate::blobs::Expected;
use crate::manifest::{Verified, Verifier};
use crate::node::{Answer, Call};
use crate::wire::MAX_DOCUMENT_BYTES;

/// Publish a signed manifest, and its image with it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq publish debian-12-x86_64-base-1.0.xml
  suq publish manifest.xml --image disk.raw

The image is compared with the manifest before anything is published: size and
every checksum must match.")]
pub(crate) struct Publish {
    /// The signed manifest
    manifest: PathBuf,
    /// The image, to be handed out by this node
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
}

impl Publish {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        let home = ask::home(common)?;
        let document = read_document(&self.manifest)?;
        let verified = verify(&self.manifest, &document)?;
        if let Some(image) = &self.image {
            let manifest = verified.manifest();
            let expected =
                Expected { bytes: manifest.bytes, checksums: manifest.checksums.clone() };
            let bar = bytes_bar(manifest.bytes, "image");
            let blobs = ask::blobs(&home)?;
            ask::make_room(&home, &blobs, manifest.bytes)?;
            blobs.add(image, Some(&expected), |bytes| bar.inc(bytes))?;
            bar.finish_and_clear();
        }
        match ask::call(&home, &Call::Publish(document), |_| {})? {
            answer @ (Answer::Published { .. } | Answer::Waiting { .. }) if common.json => {
                output::json(&answer)
            }
            Answer::Published { key, already, .. } => {
                let word = if already { "already published" } else { "published" };
                output::line(format!("{word} {key}"));
                Ok(())
            }
            Answer::Waiting { key } => {
                output::line(format!("waits for its date: {key}"));
                Ok(())
            }
            other => Err(ask::unexpected(&other)),
        }
    }
}

/// Verifies the document of a file.
pub(super) fn verify(file: &Path, document: &str) -> Result<Verified, Exit> {
    Verifier::new()
        .verify(document.as_bytes())
        .map_err(|error| Exit::new(Exit::NOT_VERIFIED, format!("{}: {error}", file.display())))
}

/// A document of a size that can be one.
pub(super) fn read_document(file: &Path) -> Result<String, Exit> {
    let bytes = std::fs::metadata(file).map_err(Exit::io(file))?.len();
    if bytes > MAX_DOCUMENT_BYTES as u64 {
        let message = format!(
            "{} has {bytes} bytes; a manifest has at most {MAX_DOCUMENT_BYTES}",
            file.display()
        );
        return Err(Exit::new(Exit::NOT_VERIFIED, message));
    }
    let octets = std::fs::read(file).map_err(Exit::io(file))?;
    String::from_utf8(octets).map_err(|_| {
        Exit::new(Exit::NOT_VERIFIED, format!("{}: it is not UTF-8 text", file.display()))
    })
}
