//! `suq sync`

use clap::Args;

use super::{Common, Exit, ask, output};
use crate::model::Peer;
use crate::node::{Answer, Call};

/// Reconcile the catalogue with peers now.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  suq sync\n  suq sync 12D3KooW…")]
pub(crate) struct Sync {
    /// Only with this peer [default: with every connected one]
    peer: Option<Peer>,
}

impl Sync {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        match ask::simple(common, &Call::Sync(self.peer))? {
            Answer::Synced(reports) if common.json => output::json(&reports),
            Answer::Synced(reports) => {
                reports.iter().for_each(output::line);
                Ok(())
            }
            other => Err(ask::unexpected(&other)),
        }
    }
}
