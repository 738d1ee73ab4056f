//! `suq search`

use clap::{Args, ValueEnum};

use super::{Common, Exit, ask, output, query};
use crate::model::Email;
use crate::node::{Answer, Call, Query, StatusFilter};
use crate::search::Rank;

/// Find images by words and filters.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq search
  suq search debian geant4
  suq search --os CentOS --arch x86_64 --status all
  suq search debian --json | jq '.counts.arch'

A word also finds words that begin with it. Those entries come first in whose title or
tag the words are, then those with the newest endorsement.")]
pub(crate) struct Search {
    /// Words that must all occur, or begin a word, in title, description, system, tag,
    /// endorser or identifier
    words: Vec<String>,
    /// Operating system
    #[arg(long)]
    os: Option<String>,
    /// Version of the operating system
    #[arg(long)]
    os_version: Option<String>,
    /// Architecture
    #[arg(long, visible_alias = "os-arch")]
    arch: Option<String>,
    /// machine or disk
    #[arg(long)]
    kind: Option<String>,
    /// Address of the endorser
    #[arg(long, value_name = "EMAIL")]
    endorser: Option<Email>,
    /// Tag
    #[arg(long)]
    tag: Option<String>,
    /// Which entries
    #[arg(long, value_enum, default_value_t = Wanted::Current)]
    status: Wanted,
    /// Entries to show
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Go on where a list ended: it says with what
    #[arg(long, value_name = "PLACE")]
    after: Option<Rank>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Wanted {
    /// Usable ones
    Current,
    /// Latest entries that take an image back
    Deprecated,
    /// Latest entries that have expired
    Expired,
    /// Entries that a newer one of the same endorser replaces
    Superseded,
    /// Entries that this site's rules no longer allow
    Withdrawn,
    /// Every entry
    All,
}

impl Search {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        let status = match self.status {
            Wanted::Current => StatusFilter::Current,
            Wanted::Deprecated => StatusFilter::Deprecated,
            Wanted::Expired => StatusFilter::Expired,
            Wanted::Superseded => StatusFilter::Superseded,
            Wanted::Withdrawn => StatusFilter::Withdrawn,
            Wanted::All => StatusFilter::All,
        };
        let Search { words, os, os_version, arch, kind, endorser, tag, after, .. } = self;
        let limit = Some(usize::from(self.limit));
        let query =
            Query { words, os, os_version, arch, kind, endorser, tag, status, after, limit };
        let found = match ask::simple(common, &Call::Search(query))? {
            Answer::Found(found) => found,
            other => return Err(ask::unexpected(&other)),
        };
        if common.json {
            return output::json(&found);
        }
        let (shown, total) = (found.entries.len(), found.total);
        query::print_rows(found.entries);
        if let Some(next) = found.next {
            output::note(&format!("{shown} of {total}; go on with --after {next}"));
        }
        Ok(())
    }
}
