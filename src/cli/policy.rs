//! `suq policy`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Common, Exit, ask, output, publish, why};
use crate::node::{Answer, Call, ImageName, PolicyView, WhyView};

/// Check, show or reload the policy.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq policy show
  suq policy check manifest.xml
  suq policy check MMZu9WvwKIro-rtBQfDk4PsKO7_
  suq policy reload")]
pub(crate) struct Policy {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say what the rules decide about an image of the catalogue or a signed file
    Check {
        /// Identifier, checksum, or file
        image: String,
    },
    /// Show the policy file with what is wrong in it
    Show,
    /// Read policy and trust again, and judge everything by them
    Reload,
}

impl Policy {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        match self.action {
            Action::Check { image } => check(common, &image),
            Action::Show => show(common),
            Action::Reload => match ask::simple(common, &Call::Reload)? {
                Answer::Policy(policy) => print(common, &policy),
                other => Err(ask::unexpected(&other)),
            },
        }
    }
}

fn check(common: &Common, image: &str) -> Result<(), Exit> {
    let file = PathBuf::from(image);
    let call = if file.is_file() {
        Call::Check(publish::read_document(&file)?)
    } else {
        let image: ImageName = image.parse().map_err(|error| {
            Exit::new(Exit::USAGE, format!("{error}; and there is no such file"))
        })?;
        Call::Why { image, email: None, created: None }
    };
    let verdicts = match ask::simple(common, &call)? {
        Answer::Why(view) => view,
        other => return Err(ask::unexpected(&other)),
    };
    if common.json {
        output::json(&verdicts)?;
    } else {
        why::print(&verdicts);
    }
    let WhyView { identifier, entries } = verdicts;
    if entries.iter().any(|entry| entry.verdict.is_allowed()) {
        Ok(())
    } else {
        let message = format!("{identifier} is not allowed by this site's policy");
        Err(Exit::new(Exit::REFUSED, message))
    }
}

fn show(common: &Common) -> Result<(), Exit> {
    match ask::simple(common, &Call::Policy)? {
        Answer::Policy(policy) => {
            if !common.json {
                let text = std::fs::read_to_string(&policy.file).unwrap_or_default();
                output::line(text.trim_end());
                output::line("");
            }
            print(common, &policy)
        }
        other => Err(ask::unexpected(&other)),
    }
}

fn print(common: &Common, policy: &PolicyView) -> Result<(), Exit> {
    if common.json {
        output::json(policy)?;
    } else {
        output::line(format!("in force: {}", policy.file));
        policy.warnings.iter().for_each(|warning| output::line(format!("warning: {warning}")));
    }
    match &policy.broken {
        None => Ok(()),
        Some(broken) => Err(Exit::new(Exit::REFUSED, broken.clone())),
    }
}
