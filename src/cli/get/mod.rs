//! `suq get`

mod watch;

use std::path::{Path, PathBuf};

use clap::Args;

use self::watch::Watch;
use super::progress::bytes_bar;
use super::{Common, Exit, ask, output};
use crate::blobs::export;
use crate::home::Home;
use crate::node::{Answer, Call, ImageName, ImageView};

/// Fetch an image: judged anew by this site's policy, every checksum verified.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq get MMZu9WvwKIro-rtBQfDk4PsKO7_                 into the store
  suq get MMZu9WvwKIro-rtBQfDk4PsKO7_ -o disk.raw     and out as a file

The transfer is the node's: it goes on when this command ends, also by Ctrl-C
(exit 130), and the same command shows again how far it is. An interrupted
transfer goes on where it ended. Exit 3: refused by policy; 4: unknown; 6: no
peer can send it.

With --json, one object on a line, told apart by `event`:
  started          image, attached, done, total       bytes come
  progress         done, total, shares                at most five in a second
  provider-failed  from, reason                       once for each
and in the end one of
  done             identifier, sha512, bytes, endorser, from, path
  left | refused | failed                             message, exit")]
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
        let mut watch = Watch::new(self.image, common.json);
        let ended = self.get(common, &mut watch);
        if let Err(exit) = &ended {
            watch.ended(exit);
        }
        ended
    }

    fn get(&self, common: &Common, watch: &mut Watch) -> Result<(), Exit> {
        let home = ask::home(common)?;
        let call = Call::Get { image: self.image, stale: self.stale };
        let answer = ask::call_until_interrupted(&home, &call, |answer| watch.hear(&answer));
        watch.clear();
        let image = match answer? {
            Some(Answer::Got(image)) => image,
            Some(other) => return Err(ask::unexpected(&other)),
            None => {
                let message = format!(
                    "the transfer goes on in the node: `suq get {}` shows how far it is",
                    self.image
                );
                return Err(Exit::new(Exit::INTERRUPTED, message));
            }
        };
        let path = match &self.output {
            Some(file) => {
                write_out(&home, &image, file)?;
                file.clone()
            }
            None => ask::blobs(&home)?.path(&image.sha512),
        };
        if common.json {
            watch.done(&image, &path);
        } else {
            self.print(&image);
        }
        Ok(())
    }

    fn print(&self, image: &ImageView) {
        let from = if image.from.is_empty() { "already in the store" } else { "fetched" };
        let size = output::bytes(image.bytes);
        output::line(format!("{}: {size}, {from}, verified", image.identifier));
        for share in &image.from {
            output::line(format!("  {:>10} from {}", output::bytes(share.bytes), share.from));
        }
        if let Some(file) = &self.output {
            output::line(format!("written to {}", file.display()));
        }
    }
}

/// Copies the image to a file, which Ctrl-C prevents.
fn write_out(home: &Home, image: &ImageView, file: &Path) -> Result<(), Exit> {
    let bar = bytes_bar(image.bytes, "copying");
    let (blobs, sha512, target) = (ask::blobs(home)?, image.sha512, file.to_owned());
    let progress = bar.clone();
    let copied = ask::until_interrupted(async move {
        let copy = move || export(&blobs, &sha512, &target, |bytes| progress.inc(bytes));
        tokio::task::spawn_blocking(copy).await
    })?;
    bar.finish_and_clear();
    match copied {
        Some(Ok(copied)) => copied.map(|_| ()).map_err(Exit::from),
        Some(Err(died)) => Err(Exit::failed(format!("{}: {died}", file.display()))),
        None => {
            let message = format!("{} is not written; the image is in the store", file.display());
            Err(Exit::new(Exit::INTERRUPTED, message))
        }
    }
}
