//! `suq demo`: three sites on this machine, and the whole story.

mod endorser;
mod site;
mod story;

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::{Common, Exit, output};
use endorser::{Endorser, make_disk};
use site::Site;

/// Show three sites at work on this machine.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq demo --once
  suq demo --once --image disk.raw
  suq demo                          keeps the sites running until Ctrl-C

orsay publishes, athens consumes, lyon blacklists the endorser. Each is a real
node in a process of its own, on the loopback, in a home that is deleted at the
end. With --once the exit code says whether every step held.")]
pub(crate) struct Demo {
    /// Stop everything when the story is told
    #[arg(long)]
    once: bool,
    /// The image to publish [default: a raw disk of 64 MiB made for it]
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
}

/// A step of the story that held, with what was measured.
#[derive(Debug, Serialize)]
struct Step {
    step: &'static str,
    what: String,
}

/// Prints steps as they come, or keeps them for JSON.
struct Teller {
    json: bool,
    told: Vec<Step>,
}

impl Teller {
    fn tell(&mut self, step: &'static str, what: String) {
        if !self.json {
            output::line(format!("{:2}  {step:11} {what}", self.told.len() + 1));
        }
        self.told.push(Step { step, what });
    }
}

/// The three sites and what they play with.
struct Stage {
    orsay: Site,
    athens: Site,
    lyon: Site,
    jane: Endorser,
    others: Endorser,
    image: PathBuf,
    folder: PathBuf,
}

impl Demo {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        let folder = tempfile::Builder::new().prefix("suq-demo-").tempdir();
        let folder =
            folder.map_err(|error| Exit::failed(format!("no temporary folder: {error}")))?;
        let mut teller = Teller { json: common.json, told: Vec::new() };
        let mut stage = self.set_stage(folder.path())?;
        story::tell(&mut stage, &mut teller)?;
        if common.json {
            output::json(&teller.told)?;
        }
        if self.once {
            return Ok(());
        }
        explain(&stage);
        super::ask::block_on(async {
            tokio::signal::ctrl_c().await.map_err(|error| Exit::failed(format!("signals: {error}")))
        })?
    }

    fn set_stage(&self, folder: &Path) -> Result<Stage, Exit> {
        let image = match &self.image {
            Some(image) => image.clone(),
            None => make_disk(&folder.join("disk.raw"))?,
        };
        let now = output::now();
        let (jane, others, authority) = Endorser::pair(now)?;
        let blacklist = format!("[blacklistendorsers]\none = {}\n", jane.email());
        let orsay = Site::create(folder, "orsay", &authority, None)?;
        let athens = Site::create(folder, "athens", &authority, None)?;
        let lyon = Site::create(folder, "lyon", &authority, Some(&blacklist))?;
        let folder = folder.to_owned();
        Ok(Stage { orsay, athens, lyon, jane, others, image, folder })
    }
}

fn explain(stage: &Stage) {
    let program = std::env::current_exe();
    let program = program.map_or_else(|_| "suq".to_owned(), |path| path.display().to_string());
    output::line("\nThe sites keep running until Ctrl-C. Talk to them from another terminal:");
    for site in [&stage.orsay, &stage.athens, &stage.lyon] {
        output::line(format!("  {program} --home {} status", site.home().root().display()));
    }
    let athens = stage.athens.home().root().display();
    output::line(format!("  {program} --home {athens} search --status all"));
    output::line(format!("Their logs are in {}/*.log", stage.folder.display()));
}
