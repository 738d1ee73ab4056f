//! Finding the other sites of the federation: a site that knows one finds all.
//!
//! Kademlia under the federation's own protocol name, for addresses only: nobody
//! can leave records here. What it finds is hearsay until the peer itself answers.

use std::num::NonZeroUsize;
use std::time::Duration;

use libp2p::core::multiaddr::Protocol;
use libp2p::kad::{self, QueryResult, store::MemoryStore};
use libp2p::{Multiaddr, PeerId, StreamProtocol, identify};

use super::Event;
use super::identity::{peer_id, peer_of};
use super::swarm::Task;
use crate::model::{Address, Peer};

/// Between looks at a random part of the federation: in a large one each finds some
/// sites more.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// Up to here whoever a search meets stays connected, and is a reason to look around
/// again. With more, a search leaves nothing behind: it would fill every site's places
/// and set off others at each site it asks. Not fewer than twenty: while Kademlia knows
/// fewer it searches by itself after each meeting, and would dial the same peers for ever.
pub(super) const FEW_MEMBERS: usize = 20;

/// Addresses taken from one peer.
const MAX_ADDRESSES: usize = 16;

/// Sites that a search ends with. Each has to answer, so a search dials about so many.
const FOUND: NonZeroUsize = NonZeroUsize::new(8).expect("eight is not zero");

/// Longest search.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(30);

/// Searches under way, and one that waits for its end.
#[derive(Debug, Default)]
pub(super) struct Searches {
    is_searching: bool,
    again: bool,
}

pub(super) fn behaviour(own: PeerId, protocol: &StreamProtocol) -> kad::Behaviour<MemoryStore> {
    let mut config = kad::Config::new(protocol.clone());
    config
        .set_query_timeout(SEARCH_TIMEOUT)
        .set_replication_factor(FOUND)
        // Left to itself it dials an old acquaintance for each new one that finds no
        // room, which brings that one a new acquaintance, and so on: hundreds of sites
        // kept each other busy so.
        .set_kbucket_inserts(kad::BucketInserts::Manual)
        // The node searches by itself, so that it hears what is found.
        .set_periodic_bootstrap_interval(None)
        // Whoever wants to store a record gets nothing kept.
        .set_record_filtering(kad::StoreInserts::FilterBoth)
        .set_replication_interval(None)
        .set_publication_interval(None)
        .set_provider_publication_interval(None);
    let mut behaviour = kad::Behaviour::with_config(own, MemoryStore::new(own), config);
    // Sites answer each other; those behind NAT are simply not reached.
    behaviour.set_mode(Some(kad::Mode::Server));
    behaviour
}

impl Task {
    /// Where a member says that it can be reached; others may be told.
    pub(super) fn learn_addresses(&mut self, id: PeerId, info: &identify::Info) -> Vec<Address> {
        // Its loopback is not ours, unless we met there.
        let is_here = is_loopback(&info.observed_addr);
        let addresses = info.listen_addrs.iter().filter(|a| is_here || !is_loopback(a));
        let addresses: Vec<&Multiaddr> = addresses.take(MAX_ADDRESSES).collect();
        let discovery = &mut self.inside().discovery;
        // In the place of what it said before, which would pile up.
        discovery.remove_peer(&id);
        // Whoever was known first stays, until a dial finds it gone.
        let neighbours = discovery.kbucket(id).map_or(0, |bucket| bucket.num_entries());
        for address in addresses.iter().filter(|_| neighbours < kad::K_VALUE.get()) {
            discovery.add_address(&id, (*address).clone());
        }
        parse(addresses.into_iter())
    }

    /// Searches the sites whose ids are near a random one.
    pub(super) fn search_anywhere(&mut self) {
        let mut key = [0_u8; 32];
        fastrand::fill(&mut key);
        self.start_search(key.to_vec());
    }

    /// Searches the sites whose ids are near this node's.
    pub(super) fn search_around(&mut self) {
        self.start_search(self.swarm.local_peer_id().to_bytes());
    }

    fn start_search(&mut self, key: Vec<u8>) {
        if self.searches.is_searching {
            self.searches.again = true;
            return;
        }
        self.searches.is_searching = true;
        self.inside().discovery.get_closest_peers(key);
    }

    pub(super) fn discovered(&mut self, event: kad::Event) {
        let kad::Event::OutboundQueryProgressed { id, result, step, .. } = event else { return };
        let result = match result {
            QueryResult::GetClosestPeers(result) => result,
            QueryResult::Bootstrap(_) => {
                // Kademlia fills its table by itself while it knows few. Its neighbours it
                // has found now; what follows is a search for each part of the federation,
                // and each site that came would dial a hundred others for it.
                if let Some(mut rest) = self.inside().discovery.query_mut(&id) {
                    rest.finish();
                }
                return self.part_after_search();
            }
            _ => return,
        };
        let peers = match result {
            Ok(found) => found.peers,
            Err(kad::GetClosestPeersError::Timeout { peers, .. }) => peers,
        };
        let own = *self.swarm.local_peer_id();
        for found in peers.into_iter().filter(|found| found.peer_id != own) {
            let addresses = parse(found.addrs.iter().take(MAX_ADDRESSES));
            let peer = peer_of(&found.peer_id).filter(|peer| !self.members.contains(peer));
            if let Some(peer) = peer.filter(|_| !addresses.is_empty()) {
                self.outbox.push_back(Event::Found { peer, addresses });
            }
        }
        if step.last {
            self.searches.is_searching = false;
            if std::mem::take(&mut self.searches.again) {
                self.search_around();
            }
            self.part_after_search();
        }
    }

    /// A connection is there; `dialled` when it was made from here.
    pub(super) fn note_passing(&mut self, id: &PeerId, dialled: bool) {
        let Some(peer) = peer_of(id).filter(|peer| !self.members.contains(peer)) else { return };
        if !dialled {
            self.passing.remove(&peer);
        } else if !self.called.contains(&peer) {
            self.passing.entry(peer).or_default();
        }
    }

    /// True when only a search wanted to talk to this member.
    pub(super) fn is_only_passing(&mut self, peer: Peer, addresses: &[Address]) -> bool {
        if self.members.len() <= FEW_MEMBERS {
            self.passing.remove(&peer);
            return false;
        }
        let Some(known) = self.passing.get_mut(&peer) else { return false };
        known.clear();
        known.extend_from_slice(addresses);
        true
    }

    /// Closes the connections that only a search needed: in a large federation they
    /// would fill up every site's places, and nobody new could join.
    pub(super) fn part_after_search(&mut self) {
        // Whoever was asked is most likely asked again.
        if self.searches.is_searching {
            return;
        }
        let passing = self.passing.keys().filter_map(|peer| peer_id(*peer));
        // Whoever carries this node's connections is wanted for that.
        for id in passing.filter(|id| !self.reach.is_carried_by(id)) {
            let _ = self.swarm.disconnect_peer_id(id);
        }
    }
}

fn parse<'a>(addresses: impl Iterator<Item = &'a Multiaddr>) -> Vec<Address> {
    addresses.filter_map(|address| address.to_string().parse().ok()).collect()
}

fn is_loopback(address: &Multiaddr) -> bool {
    address.iter().any(|part| match part {
        Protocol::Ip4(ip) => ip.is_loopback(),
        Protocol::Ip6(ip) => ip.is_loopback(),
        _ => false,
    })
}
