//! `suq invite`

use clap::Args;

use super::{Common, Exit, ask, output};
use crate::node::{Answer, Call};

/// Print a ticket that lets another site join.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq invite
  suq invite > ticket.txt        and at the other site: suq join $(cat ticket.txt)

The ticket holds this node's addresses: set `announce` in suq.toml when peers
reach it by others.")]
pub(crate) struct Invite {}

impl Invite {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        match ask::simple(common, &Call::Invite)? {
            Answer::Invite(invite) if common.json => output::json(&invite),
            Answer::Invite(invite) => {
                output::line(invite.ticket);
                Ok(())
            }
            other => Err(ask::unexpected(&other)),
        }
    }
}
