//! `suq join`

use clap::Args;

use super::{Common, Exit, ask, output};
use crate::home::{Federation, Home};
use crate::node::{Call, ControlError};
use crate::store::{OpenError, Store, Write};
use crate::wire::Ticket;

/// Join the federation of a ticket.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq join suq1qyqsz…
  suq join $(cat ticket.txt)

A home that already knows peers of another federation needs --force: its entries
are then offered to the new one.")]
pub(crate) struct Join {
    /// The ticket that `suq invite` printed at a member
    ticket: String,
    /// Leave the present federation even if it has other members
    #[arg(long)]
    force: bool,
}

impl Join {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        let ticket: Ticket =
            self.ticket.parse().map_err(|error| Exit::new(Exit::USAGE, format!("{error}")))?;
        let home = ask::home(common)?;
        let asked =
            ask::block_on(crate::node::ask(&home, &Call::AddPeer(self.ticket.clone()), |_| {}))?;
        match asked {
            Ok(crate::node::Answer::Failed(failure)) => return Err(failure.into()),
            Ok(_) => {}
            Err(ControlError::NoNode) => self.join_offline(&home, &ticket)?,
            Err(error) => return Err(error.into()),
        }
        if common.json {
            let Ticket { federation, name, peer, addresses, .. } = ticket;
            return output::json(&serde_json::json!({
                "federation": name, "federation_id": federation,
                "peer": peer, "addresses": addresses,
            }));
        }
        output::line(format!("joined `{}` by way of {}", ticket.name, ticket.peer));
        Ok(())
    }

    fn join_offline(&self, home: &Home, ticket: &Ticket) -> Result<(), Exit> {
        let failed = |error: OpenError| Exit::failed(error.to_string());
        let store = Store::open(&home.store_path()).map_err(failed)?;
        let present = home.federation()?;
        if present.id != ticket.federation && !store.peers()?.is_empty() && !self.force {
            return Err(Exit::failed(format!(
                "this home already knows peers of the federation `{}`: use --force to leave it for \
                 `{}`, or another --home",
                present.name, ticket.name
            )));
        }
        let mut writes = vec![Write::Peer(ticket.peer, ticket.addresses.clone())];
        for membership in ticket.chain.clone() {
            let proven = membership.prove(&ticket.federation);
            writes.push(Write::Membership(proven.map_err(|e| Exit::failed(e.to_string()))?));
        }
        store.write(&writes)?;
        let federation = Federation {
            name: ticket.name.clone(),
            id: ticket.federation,
            founders: ticket.founders.clone(),
        };
        Ok(home.set_federation(&federation)?)
    }
}
