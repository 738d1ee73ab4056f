//! `suq blob`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::progress::bytes_bar;
use super::{Common, Exit, ask, output};
use crate::blobs::{Blob, Blobs};
use crate::model::Identifier;
use crate::node::ImageName;

/// Add, list, verify or remove stored images.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq blob add disk.raw
  suq blob list
  suq blob verify
  suq blob remove MMZu9WvwKIro-rtBQfDk4PsKO7_")]
pub(crate) struct BlobCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Copy a file into the store
    Add {
        /// The file
        file: PathBuf,
    },
    /// List what is in the store
    List,
    /// Hash stored images again and compare
    Verify {
        /// Only this image
        image: Option<ImageName>,
    },
    /// Delete an image from the store
    Remove {
        /// The image
        image: ImageName,
    },
}

impl BlobCommand {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        let blobs = Blobs::open(&ask::home(common)?.blobs_path())?;
        match self.action {
            Action::Add { file } => {
                let bytes = std::fs::metadata(&file).map_err(Exit::io(&file))?.len();
                let bar = bytes_bar(bytes, "adding");
                let blob = blobs.add(&file, None, |bytes| bar.inc(bytes))?;
                bar.finish_and_clear();
                print(common, &[blob])
            }
            Action::List => print(common, &blobs.list()?),
            Action::Verify { image } => verify(common, &blobs, image),
            Action::Remove { image } => {
                for blob in chosen(&blobs, Some(image))? {
                    blobs.remove(&blob)?;
                }
                Ok(())
            }
        }
    }
}

fn chosen(blobs: &Blobs, image: Option<ImageName>) -> Result<Vec<Blob>, Exit> {
    let all = blobs.list()?;
    let Some(image) = image else { return Ok(all) };
    let fits = |blob: &Blob| match image {
        ImageName::Identifier(identifier) => identifier.sha1() == blob.sha1,
        ImageName::Sha512(sha512) => sha512 == blob.sha512,
    };
    match all.into_iter().find(fits) {
        Some(blob) => Ok(vec![blob]),
        None => Err(Exit::new(Exit::NOT_FOUND, format!("{image} is not in the store"))),
    }
}

fn verify(common: &Common, blobs: &Blobs, image: Option<ImageName>) -> Result<(), Exit> {
    let chosen = chosen(blobs, image)?;
    let mut wrong = Vec::new();
    for blob in &chosen {
        let bar = bytes_bar(blob.bytes, "verifying");
        if let Err(error) = blobs.verify(blob, |bytes| bar.inc(bytes)) {
            wrong.push(format!("{}: {error}", Identifier::from_sha1(blob.sha1)));
        }
        bar.finish_and_clear();
    }
    if !wrong.is_empty() {
        let advice = "remove it with `suq blob remove` and fetch it again";
        return Err(Exit::new(Exit::NOT_VERIFIED, format!("{}\n{advice}", wrong.join("\n"))));
    }
    if common.json {
        return output::json(&chosen);
    }
    output::line(format!("{} images verified", chosen.len()));
    Ok(())
}

fn print(common: &Common, blobs: &[Blob]) -> Result<(), Exit> {
    if common.json {
        return output::json(&blobs);
    }
    let rows: Vec<[String; 3]> = blobs
        .iter()
        .map(|blob| {
            let identifier = Identifier::from_sha1(blob.sha1).to_string();
            [identifier, output::bytes(blob.bytes), blob.sha512.to_string()]
        })
        .collect();
    output::table(["IDENTIFIER", "SIZE", "SHA-512"], &rows);
    Ok(())
}
