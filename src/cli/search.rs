//! `suq search`

use clap::{Args, ValueEnum};

use super::{Common, Exit, ask, query};
use crate::model::Email;
use crate::node::{Call, Query, StatusFilter};

/// Find images by words and filters.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq search
  suq search debian geant4
  suq search --os CentOS --arch x86_64 --status all")]
pub(crate) struct Search {
    /// Words that must all occur in title, description, system, tag, endorser or identifier
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
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Wanted {
    /// Usable ones
    Current,
    /// Latest entries that take an image back
    Deprecated,
    /// Latest entries that have expired
    Expired,
    /// Every entry
    All,
}

impl Search {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        let status = match self.status {
            Wanted::Current => StatusFilter::Current,
            Wanted::Deprecated => StatusFilter::Deprecated,
            Wanted::Expired => StatusFilter::Expired,
            Wanted::All => StatusFilter::All,
        };
        let Search { words, os, os_version, arch, kind, endorser, tag, .. } = self;
        let query = Query { words, os, os_version, arch, kind, endorser, tag, status };
        query::print_list(common, ask::simple(common, &Call::Search(query))?)
    }
}
