//! `suq blob`

mod gc;
mod verify;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::progress::bytes_bar;
use super::{Common, Exit, ask, output};
use crate::blobs::{Blob, Blobs, Stored};
use crate::model::{Identifier, Sha512};
use crate::node::ImageName;

/// Add, list, verify, pin, collect or remove stored images.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq blob add disk.raw
  suq blob list
  suq blob verify --repair
  suq blob pin MMZu9WvwKIro-rtBQfDk4PsKO7_
  suq blob gc --dry-run
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
    /// Read stored images again and compare
    Verify(verify::Verify),
    /// Keep an image whatever the quota says
    Pin {
        /// The image
        image: ImageName,
    },
    /// Take the pin of an image away
    Unpin {
        /// The image
        image: ImageName,
    },
    /// Take away what the quota has no place for, and leftovers
    Gc(gc::Gc),
    /// Delete an image from the store
    Remove {
        /// The image
        image: ImageName,
    },
}

impl BlobCommand {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        let home = ask::home(common)?;
        let blobs = ask::blobs(&home)?;
        match self.action {
            Action::Add { file } => {
                let bytes = std::fs::metadata(&file).map_err(Exit::io(&file))?.len();
                ask::make_room(&home, &blobs, bytes)?;
                let bar = bytes_bar(bytes, "adding");
                let blob = blobs.add(&file, None, |bytes| bar.inc(bytes))?;
                bar.finish_and_clear();
                let mut stored = blobs.stored()?;
                stored.retain(|stored| stored.blob == blob);
                print(common, &stored)
            }
            Action::List => print(common, &blobs.stored()?),
            Action::Verify(verify) => verify.run(common, &home, &blobs),
            Action::Pin { image } => pin(common, &blobs, image),
            Action::Unpin { image } => unpin(common, &blobs, image),
            Action::Gc(gc) => gc.run(common, &home),
            Action::Remove { image } => remove(&blobs, image),
        }
    }
}

fn not_here(image: ImageName) -> Exit {
    Exit::new(Exit::NOT_FOUND, format!("{image} is not in the store"))
}

fn chosen(blobs: &Blobs, image: Option<ImageName>) -> Result<Vec<Blob>, Exit> {
    let all = blobs.list()?;
    let Some(image) = image else { return Ok(all) };
    let fits = |blob: &Blob| match image {
        ImageName::Identifier(identifier) => identifier.sha1() == blob.sha1,
        ImageName::Sha512(sha512) => sha512 == blob.sha512,
    };
    let found = all.into_iter().find(fits);
    found.map(|blob| vec![blob]).ok_or_else(|| not_here(image))
}

/// The name of an image, which only has to be here when it is called by its identifier.
fn sha512(blobs: &Blobs, image: ImageName) -> Result<Sha512, Exit> {
    match image {
        ImageName::Sha512(sha512) => Ok(sha512),
        ImageName::Identifier(identifier) => {
            let blob = blobs.by_sha1(&identifier.sha1());
            blob.map(|blob| blob.sha512).ok_or_else(|| not_here(image))
        }
    }
}

fn pin(common: &Common, blobs: &Blobs, image: ImageName) -> Result<(), Exit> {
    let chosen = chosen(blobs, Some(image))?;
    for blob in &chosen {
        blobs.pin(&blob.sha512)?;
    }
    print_some(common, blobs, &chosen)
}

fn unpin(common: &Common, blobs: &Blobs, image: ImageName) -> Result<(), Exit> {
    let sha512 = sha512(blobs, image)?;
    if !blobs.unpin(&sha512)? {
        return Err(Exit::new(Exit::NOT_FOUND, format!("{image} is not pinned")));
    }
    let chosen: Vec<Blob> = blobs.list()?.into_iter().filter(|b| b.sha512 == sha512).collect();
    print_some(common, blobs, &chosen)
}

fn remove(blobs: &Blobs, image: ImageName) -> Result<(), Exit> {
    for blob in chosen(blobs, Some(image))? {
        if blobs.is_pinned(&blob.sha512) {
            let message = format!("{image} is pinned: run `suq blob unpin {image}` first");
            return Err(Exit::failed(message));
        }
        blobs.remove(&blob)?;
    }
    Ok(())
}

fn print_some(common: &Common, blobs: &Blobs, chosen: &[Blob]) -> Result<(), Exit> {
    let mut stored = blobs.stored()?;
    stored.retain(|stored| chosen.contains(&stored.blob));
    print(common, &stored)
}

fn print(common: &Common, stored: &[Stored]) -> Result<(), Exit> {
    if common.json {
        return output::json(&stored);
    }
    let row = |stored: &Stored| {
        let Stored { blob, disk_bytes, used, pinned } = stored;
        [
            Identifier::from_sha1(blob.sha1).to_string(),
            output::bytes(blob.bytes),
            output::bytes(*disk_bytes),
            used.to_string(),
            if *pinned { "pinned" } else { "" }.to_owned(),
            blob.sha512.to_string(),
        ]
    };
    let rows: Vec<[String; 6]> = stored.iter().map(row).collect();
    output::table(["IDENTIFIER", "SIZE", "ON DISK", "USED", "", "SHA-512"], &rows);
    Ok(())
}
