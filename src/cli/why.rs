//! `suq why`

use std::str::FromStr;

use clap::Args;

use super::{Common, Exit, ask, output};
use crate::model::{Email, Timestamp};
use crate::node::{Answer, Call, ImageName, JudgedEntry, WhyView};
use crate::policy::{Outcome, Step};

/// Say which rules decide about an image, and what they say now.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq why MMZu9WvwKIro-rtBQfDk4PsKO7_
  suq why MMZu9WvwKIro-rtBQfDk4PsKO7_/jane.tester@example.org")]
pub(crate) struct Why {
    /// ID, ID/EMAIL or ID/EMAIL/CREATED
    entry: EntryName,
}

/// An image, and perhaps one endorser or entry of it.
#[derive(Debug, Clone)]
struct EntryName {
    image: ImageName,
    email: Option<Email>,
    created: Option<Timestamp>,
}

impl FromStr for EntryName {
    type Err = String;

    fn from_str(text: &str) -> Result<EntryName, String> {
        let mut parts = text.splitn(3, '/');
        let image = parts.next().unwrap_or("").parse().map_err(|error| format!("{error}"))?;
        let email = parts.next().map(str::parse).transpose();
        let email = email.map_err(|error| format!("{error}"))?;
        let created = parts.next().map(str::parse).transpose();
        let created = created.map_err(|error| format!("{error}"))?;
        Ok(EntryName { image, email, created })
    }
}

impl Why {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        let EntryName { image, email, created } = self.entry;
        match ask::simple(common, &Call::Why { image, email, created })? {
            Answer::Why(why) if common.json => output::json(&why),
            Answer::Why(why) => {
                print(&why);
                Ok(())
            }
            other => Err(ask::unexpected(&other)),
        }
    }
}

/// Every entry with its rules.
pub(super) fn print(why: &WhyView) {
    for (number, entry) in why.entries.iter().enumerate() {
        let JudgedEntry { key, status, verdict, mirror, .. } = entry;
        if number > 0 {
            output::line("");
        }
        let status = status.map_or("not in the catalogue", |status| status.word());
        let word = if verdict.is_allowed() { "allowed" } else { "REFUSED" };
        output::line(format!("{key}: {word} ({status})"));
        print_steps(&verdict.steps);
        if !mirror.is_empty() && verdict.is_allowed() {
            let wants = mirror.iter().all(|step| step.outcome != Outcome::Refused);
            let word = if wants { "fetched by itself" } else { "not fetched by itself" };
            output::line(format!("{key}: {word}"));
            print_steps(mirror);
        }
    }
}

fn print_steps(steps: &[Step]) {
    for step in steps {
        let mark = match step.outcome {
            Outcome::Passed => "ok",
            Outcome::Refused => "NO",
            Outcome::NotSet => "--",
        };
        let source = step.source.as_ref().map(|source| format!(" [{source}]")).unwrap_or_default();
        output::line(format!("  {mark}  {:36} {}{source}", step.rule, step.reason));
    }
}
