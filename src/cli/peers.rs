//! `suq peers`

use clap::{Args, Subcommand};

use super::{Common, Exit, ask, output};
use crate::model::Peer;
use crate::node::{Answer, Call, MembersView};

/// List, add, let in or keep out peers.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq peers
  suq peers add suq1…
  suq peers members
  suq peers revoke 12D3KooW…
  suq peers block 12D3KooW…")]
pub(crate) struct Peers {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List connected and remembered peers
    List,
    /// Remember the peer of a ticket and connect to it
    Add {
        /// A ticket of this federation
        ticket: String,
    },
    /// Let a peer in (also takes a block back)
    Allow {
        /// The peer's id
        peer: Peer,
    },
    /// List the members of a closed federation
    Members,
    /// Take a membership back that this node, or anyone when it is a founder, gave
    Revoke {
        /// The peer's id
        peer: Peer,
    },
    /// Keep a peer out; its connections close at once
    Block {
        /// The peer's id
        peer: Peer,
    },
}

impl Peers {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        let call = match self.action.unwrap_or(Action::List) {
            Action::List => Call::Peers,
            Action::Add { ticket } => Call::AddPeer(ticket),
            Action::Allow { peer } => Call::AllowPeer(peer),
            Action::Members => Call::Members,
            Action::Revoke { peer } => Call::Revoke(peer),
            Action::Block { peer } => Call::BlockPeer(peer),
        };
        match ask::simple(common, &call)? {
            Answer::Peers(peers) if common.json => output::json(&peers),
            Answer::Peers(peers) => {
                let rows: Vec<[String; 4]> = peers
                    .iter()
                    .map(|view| {
                        let state = match (view.blocked, view.connected) {
                            (true, _) => "blocked",
                            (_, true) => "connected",
                            _ => "away",
                        };
                        let reconciled = view.reconciled.map(|time| time.to_string());
                        let address = view.addresses.first().map(ToString::to_string);
                        [
                            view.peer.to_string(),
                            state.to_owned(),
                            reconciled.unwrap_or_else(|| "never".to_owned()),
                            address.unwrap_or_default(),
                        ]
                    })
                    .collect();
                output::table(["PEER", "STATE", "RECONCILED", "ADDRESS"], &rows);
                Ok(())
            }
            Answer::Members(members) if common.json => output::json(&members),
            Answer::Members(members) => {
                print_members(&members);
                Ok(())
            }
            Answer::Done if common.json => output::json(&serde_json::json!({"done": true})),
            Answer::Done => Ok(()),
            other => Err(ask::unexpected(&other)),
        }
    }
}

fn print_members(members: &MembersView) {
    if !members.closed {
        output::note("this site is open: everyone of the federation comes in");
    }
    let row = |member: &crate::node::MemberView| {
        let until = member.expires.map_or_else(|| "founder".to_owned(), |time| time.to_string());
        let own = if member.own { "this node" } else { "" };
        [member.peer.to_string(), until, own.to_owned()]
    };
    let rows: Vec<[String; 3]> = members.members.iter().map(row).collect();
    output::table(["MEMBER", "UNTIL", ""], &rows);
}
