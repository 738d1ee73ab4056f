//! `suq get`

use std::path::PathBuf;

use clap::Args;

use super::progress::bytes_bar;
use super::{Common, Exit, ask, output};
use crate::blobs::export;
use crate::node::{Answer, Call, ImageName};

/// Fetch an image: judged anew by this site's policy, every checksum verified.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq get MMZu9WvwKIro-rtBQfDk4PsKO7_                 into the store
  suq get MMZu9WvwKIro-rtBQfDk4PsKO7_ -o disk.raw     and out as a file

An interrupted transfer goes on where it ended. Exit 3: refused by policy;
4: unknown; 6: no peer can send it.")]
pub(crate) struct Get {
    /// Identifier, SHA-1 or SHA-512 of the image
    image: ImageName,
    /// Write the image to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Believe the catalogue however long ago it was reconciled, against `[freshness]`
    #[arg(long)]
    stale: bool,
}

impl Get {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        let home = ask::home(common)?;
        let bar = bytes_bar(0, "fetching");
        let answer =
            ask::call(&home, &Call::Get { image: self.image, stale: self.stale }, |progress| {
                if let Answer::Progress(progress) = progress {
                    bar.set_length(progress.total);
                    bar.set_position(progress.done);
                }
            });
        bar.finish_and_clear();
        let image = match answer? {
            Answer::Got(image) => image,
            other => return Err(ask::unexpected(&other)),
        };
        if let Some(file) = &self.output {
            let bar = bytes_bar(image.bytes, "copying");
            export(&ask::blobs(&home)?, &image.sha512, file, |bytes| bar.inc(bytes))?;
            bar.finish_and_clear();
        }
        if common.json {
            return output::json(&image);
        }
        let from = if image.from.is_empty() { "already in the store" } else { "fetched" };
        let size = output::bytes(image.bytes);
        output::line(format!("{}: {size}, {from}, verified", image.identifier));
        for share in &image.from {
            output::line(format!("  {:>10} from {}", output::bytes(share.bytes), share.from));
        }
        if let Some(file) = &self.output {
            output::line(format!("written to {}", file.display()));
        }
        Ok(())
    }
}
