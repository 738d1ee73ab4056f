//! A behaviour that only some connections have: on the others its protocols do not
//! exist.

use std::collections::{BTreeMap, BTreeSet};
use std::task::{Context, Poll};

use either::Either;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::behaviour::{ConnectionClosed, ConnectionEstablished};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm, dummy,
};
use libp2p::{Multiaddr, PeerId};

use super::reach::is_circuit;

/// Which connections have the behaviour; asked once, when one is made.
pub(super) trait Rule: 'static {
    /// True when the connection with this peer has it. `relayed` is true when others
    /// carry the connection.
    fn lets_in(&self, peer: &PeerId, relayed: bool) -> bool;
}

/// Members of a closed federation; everyone in an open one.
#[derive(Debug)]
pub(super) struct Members(pub(super) Option<BTreeSet<PeerId>>);

impl Rule for Members {
    fn lets_in(&self, peer: &PeerId, _: bool) -> bool {
        self.0.as_ref().is_none_or(|members| members.contains(peer))
    }
}

/// Connections that nobody else carries.
#[derive(Debug)]
pub(super) struct Direct;

impl Rule for Direct {
    fn lets_in(&self, _: &PeerId, relayed: bool) -> bool {
        !relayed
    }
}

/// Lets the connections that a rule names have a behaviour.
pub(super) struct Gate<B, R> {
    pub(super) behaviour: B,
    pub(super) rule: R,
    inside: BTreeMap<ConnectionId, PeerId>,
}

impl<B, R: Rule> Gate<B, R> {
    pub(super) fn new(behaviour: B, rule: R) -> Gate<B, R> {
        Gate { behaviour, rule, inside: BTreeMap::new() }
    }

    pub(super) fn has(&self, connection: ConnectionId) -> bool {
        self.inside.contains_key(&connection)
    }

    fn count(&self, peer: &PeerId) -> usize {
        self.inside.values().filter(|inside| *inside == peer).count()
    }

    /// Remembers a connection that is let in.
    fn enters(&mut self, connection: ConnectionId, peer: PeerId, relayed: bool) -> bool {
        let lets_in = self.rule.lets_in(&peer, relayed);
        if lets_in {
            self.inside.insert(connection, peer);
        }
        lets_in
    }
}

impl<B: NetworkBehaviour, R: Rule> NetworkBehaviour for Gate<B, R> {
    type ConnectionHandler = Either<THandler<B>, dummy::ConnectionHandler>;
    type ToSwarm = B::ToSwarm;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.behaviour.handle_pending_inbound_connection(connection, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        if !self.enters(connection, peer, is_circuit(local) || is_circuit(remote)) {
            return Ok(Either::Right(dummy::ConnectionHandler));
        }
        let made =
            self.behaviour.handle_established_inbound_connection(connection, peer, local, remote);
        made.map(Either::Left).inspect_err(|_| {
            self.inside.remove(&connection);
        })
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        self.behaviour.handle_pending_outbound_connection(connection, peer, addresses, role)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port_use: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        if !self.enters(connection, peer, is_circuit(address)) {
            return Ok(Either::Right(dummy::ConnectionHandler));
        }
        let made = self
            .behaviour
            .handle_established_outbound_connection(connection, peer, address, role, port_use);
        made.map(Either::Left).inspect_err(|_| {
            self.inside.remove(&connection);
        })
    }

    /// The behaviour hears nothing of connections outside, and its counts leave them out.
    fn on_swarm_event(&mut self, event: FromSwarm) {
        let event = match event {
            FromSwarm::ConnectionEstablished(made) if self.has(made.connection_id) => {
                let other_established = self.count(&made.peer_id) - 1;
                let made = ConnectionEstablished { other_established, ..made };
                FromSwarm::ConnectionEstablished(made)
            }
            FromSwarm::ConnectionClosed(closed) if self.has(closed.connection_id) => {
                self.inside.remove(&closed.connection_id);
                let remaining_established = self.count(&closed.peer_id);
                let closed = ConnectionClosed { remaining_established, ..closed };
                FromSwarm::ConnectionClosed(closed)
            }
            FromSwarm::AddressChange(change) if self.has(change.connection_id) => {
                FromSwarm::AddressChange(change)
            }
            FromSwarm::ConnectionEstablished(_)
            | FromSwarm::ConnectionClosed(_)
            | FromSwarm::AddressChange(_) => return,
            FromSwarm::DialFailure(failure) => {
                // Another behaviour may have refused what was let in here.
                self.inside.remove(&failure.connection_id);
                FromSwarm::DialFailure(failure)
            }
            FromSwarm::ListenFailure(failure) => {
                self.inside.remove(&failure.connection_id);
                FromSwarm::ListenFailure(failure)
            }
            other => other,
        };
        self.behaviour.on_swarm_event(event);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {
            Either::Left(event) => {
                self.behaviour.on_connection_handler_event(peer, connection, event);
            }
            Either::Right(never) => match never {},
        }
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        loop {
            let Poll::Ready(action) = self.behaviour.poll(context) else { return Poll::Pending };
            let action = match action {
                // Any connection means any that has the behaviour.
                ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::Any, event } => {
                    let found = self.inside.iter().find(|(_, inside)| **inside == peer_id);
                    let Some((connection, _)) = found else { continue };
                    let handler = NotifyHandler::One(*connection);
                    ToSwarm::NotifyHandler { peer_id, handler, event }
                }
                other => other,
            };
            return Poll::Ready(action.map_in(Either::Left));
        }
    }
}
