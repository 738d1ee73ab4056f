//! Calls about who belongs to the federation and where peers are.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::oneshot;

use super::answer::{
    Answer, Failure, FailureKind, InviteView, MemberView, MembersView, MembershipView, PeerView,
};
use super::run::{RunLoop, failed};
use crate::engine::Input;
use crate::membership::{MAX_SPAN, Membership, Statement};
use crate::model::{Address, Peer, Timestamp};
use crate::wire::{MAX_TICKET_ADDRESSES, Ticket};

impl RunLoop {
    /// A ticket for whoever gets it, or for one peer that it makes a member.
    pub(super) async fn invite(
        &mut self,
        member: Option<Peer>,
        days: u32,
        reply: oneshot::Sender<Answer>,
    ) {
        match member {
            Some(member) => self.issue(member, Some(days), reply).await,
            // The caller may have gone.
            None => drop(reply.send(self.ticket(Vec::new()))),
        }
    }

    pub(super) async fn revoke(&mut self, member: Peer, reply: oneshot::Sender<Answer>) {
        self.issue(member, None, reply).await;
    }

    /// Signs that a peer is a member for some days, or no longer.
    async fn issue(&mut self, member: Peer, days: Option<u32>, reply: oneshot::Sender<Answer>) {
        let now = self.clock();
        // A statement that takes one back outlives whatever it takes back.
        let span = days.map_or(MAX_SPAN, |days| Duration::from_secs(u64::from(days) * 24 * 3600));
        let statement = Statement {
            federation: self.federation.id,
            member,
            issuer: self.own,
            issued: now,
            expires: now.plus(span),
            revoked: days.is_none(),
        };
        match statement.sign(|octets| self.identity.sign(octets)) {
            Ok(statement) => {
                let call = self.wait(reply, None);
                self.take(Input::Issue { call, statement: Box::new(statement) }).await;
            }
            Err(error) => drop(reply.send(failed(error.to_string()))),
        }
    }

    /// A ticket, with the memberships of the one whom it is for.
    pub(super) fn ticket(&self, chain: Vec<Membership>) -> Answer {
        let announced = self.home.settings().unwrap_or_default().network.announce;
        let mut addresses = if announced.is_empty() { self.listening.clone() } else { announced };
        // Others can hardly reach the loopback: it goes last.
        addresses.sort_by_key(|address| address.as_str().starts_with("/ip4/127."));
        addresses.truncate(MAX_TICKET_ADDRESSES);
        if addresses.is_empty() {
            let message = "the node has no address yet: try again, or set `announce` in suq.toml";
            return Answer::Failed(Failure::new(FailureKind::Unreachable, message));
        }
        let ticket = Ticket {
            federation: self.federation.id,
            name: self.federation.name.clone(),
            peer: self.own,
            addresses: addresses.clone(),
            founders: self.federation.founders.clone(),
            chain,
        };
        let is_closed = self.is_closed;
        Answer::Invite(InviteView { ticket: ticket.to_string(), addresses, is_closed })
    }

    pub(super) fn members(&self, now: Timestamp) -> MembersView {
        let founders = self.engine.founders(now);
        let view = |member: crate::engine::Member| MemberView {
            peer: member.peer,
            founder: founders.contains(&member.peer),
            expires: member.expires,
            own: member.peer == self.own,
        };
        let members = self.engine.members(now).into_iter().map(view).collect();
        MembersView { closed: self.is_closed, members }
    }

    /// How this node stands in its federation.
    pub(super) fn membership(&self, now: Timestamp) -> MembershipView {
        let members = self.members(now);
        let own = members.members.iter().find(|member| member.own);
        MembershipView {
            closed: members.closed,
            member: own.is_some(),
            founder: own.is_some_and(|own| own.founder),
            expires: own.and_then(|own| own.expires),
            members: members.members.len(),
        }
    }

    pub(super) fn peers(&self) -> Answer {
        let lists = self.home.peer_lists().unwrap_or_default();
        let connected: Vec<Peer> = self.engine.connected_peers().collect();
        let reconciled: BTreeMap<Peer, Timestamp> = self.engine.reconciled().collect();
        let mut peers: BTreeMap<Peer, Vec<Address>> = match self.jobs.catalogue.store().peers() {
            Ok(peers) => peers.into_iter().collect(),
            Err(error) => return failed(error.to_string()),
        };
        for peer in connected.iter().chain(&lists.blocked) {
            peers.entry(*peer).or_default();
        }
        let view = |(peer, addresses): (Peer, Vec<Address>)| PeerView {
            peer,
            connected: connected.contains(&peer),
            addresses,
            reconciled: reconciled.get(&peer).copied(),
            blocked: lists.blocked.contains(&peer),
        };
        Answer::Peers(peers.into_iter().map(view).collect())
    }

    pub(super) async fn add_peer(&mut self, ticket: &str) -> Answer {
        let ticket: Ticket = match ticket.parse() {
            Ok(ticket) => ticket,
            Err(error) => return failed(format!("{error}")),
        };
        if ticket.federation != self.federation.id {
            let message = format!(
                "the ticket is for the federation `{}`, but this node belongs to `{}`: stop the \
                 node, then `suq join`",
                ticket.name, self.federation.name
            );
            return failed(message);
        }
        let Ticket { peer, addresses, chain, .. } = ticket;
        self.take(Input::PeerFound { peer, addresses }).await;
        self.take(Input::Welcomed { peer, chain }).await;
        Answer::Done
    }

    pub(super) async fn change_lists(&mut self, peer: Peer, is_allowed: bool) -> Answer {
        let changed = self.home.peer_lists().and_then(|mut lists| {
            let (to, from) = match is_allowed {
                true => (&mut lists.allowed, &mut lists.blocked),
                false => (&mut lists.blocked, &mut lists.allowed),
            };
            to.insert(peer);
            from.remove(&peer);
            self.home.set_peer_lists(&lists)
        });
        if let Err(error) = changed {
            return failed(error.to_string());
        }
        match is_allowed {
            true => self.net.unblock(peer).await,
            false => self.net.block(peer).await,
        }
        self.take(Input::Allowed { peer, is_allowed }).await;
        Answer::Done
    }
}
