//! `suq invite`

use clap::Args;

use super::{Common, Exit, ask, output};
use crate::model::Peer;
use crate::node::{Answer, Call};

/// Print a ticket that lets another site join.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq invite
  suq invite > ticket.txt        and at the other site: suq join $(cat ticket.txt)
  suq invite --for 12D3KooW…     in a closed federation; again to renew it

The ticket holds this node's addresses: set `announce` in suq.toml when peers
reach it by others.")]
pub(crate) struct Invite {
    /// Make this peer a member of the closed federation: the id that `suq init` printed
    #[arg(long = "for", value_name = "PEER")]
    member: Option<Peer>,
    /// How long it stays one, in days
    #[arg(long, default_value_t = 365, requires = "member", value_parser = clap::value_parser!(u32).range(1..=400))]
    days: u32,
}

impl Invite {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        let call = Call::Invite { member: self.member, days: self.days };
        match ask::simple(common, &call)? {
            Answer::Invite(invite) if common.json => output::json(&invite),
            Answer::Invite(invite) => {
                output::line(invite.ticket);
                if invite.is_closed && self.member.is_none() {
                    output::note(
                        "the federation is closed: this ticket lets nobody in who is no member; \
                         use --for PEER",
                    );
                }
                Ok(())
            }
            other => Err(ask::unexpected(&other)),
        }
    }
}
