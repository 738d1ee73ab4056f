//! Dialling peers, and what is learnt when that fails.

use libp2p::swarm::DialError;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId};

use super::Event;
use super::identity::{peer_id, peer_of};
use super::limits::MAX_COLLIDED;
use super::swarm::Task;
use crate::model::{Address, Peer};

impl Task {
    pub(super) fn dial(&mut self, peer: Peer, addresses: &[Address]) {
        let parsed: Vec<Multiaddr> =
            addresses.iter().filter_map(|address| address.as_str().parse().ok()).collect();
        let dialled = match peer_id(peer) {
            None => Err("the peer id is no key".to_owned()),
            Some(_) if parsed.is_empty() => Err("none of its addresses can be dialled".to_owned()),
            Some(id) => {
                self.called.insert(peer);
                if let Some(addresses) = self.passing.remove(&peer)
                    && !addresses.is_empty()
                {
                    return self.joined(peer, addresses);
                }
                match self.swarm.dial(self.options(peer, id, parsed)) {
                    // Connected, or about to be: events tell.
                    Ok(()) | Err(DialError::DialPeerConditionFalse(_)) => Ok(()),
                    Err(error) => Err(error.to_string()),
                }
            }
        };
        if let Err(reason) = dialled {
            self.called.remove(&peer);
            self.outbox.push_back(Event::DialFailed { peer, reason });
        }
    }

    /// Connections begin at the port that the node listens on, so that peers see by
    /// which address it can be reached. Two sites that dial each other at the same
    /// moment then open one connection from both ends (RFC 9293, 3.5), which neither
    /// can speak on: after a failure another port is taken.
    fn options(&self, peer: Peer, id: PeerId, addresses: Vec<Multiaddr>) -> DialOpts {
        let options = DialOpts::peer_id(id)
            .condition(PeerCondition::DisconnectedAndNotDialing)
            .addresses(addresses);
        match self.collided.contains(&peer) {
            true => options.allocate_new_port().build(),
            false => options.build(),
        }
    }

    /// A dial failed, of this node or of a search. A search tries an address once, and
    /// says nothing: so it is told on, as what others say.
    pub(super) fn not_reached(&mut self, id: PeerId, error: &DialError) {
        let Some(peer) = peer_of(&id).filter(|peer| !self.members.contains(peer)) else { return };
        if self.collided.len() >= MAX_COLLIDED {
            self.collided.clear();
        }
        self.collided.insert(peer);
        let was_called = self.called.remove(&peer);
        self.outbox.push_back(Event::DialFailed { peer, reason: error.to_string() });
        if let DialError::Transport(tried) = error
            && !was_called
        {
            let address = |(address, _): &(Multiaddr, _)| address.to_string().parse().ok();
            let addresses = tried.iter().filter_map(address).collect();
            self.outbox.push_back(Event::Found { peer, addresses });
        }
    }
}
