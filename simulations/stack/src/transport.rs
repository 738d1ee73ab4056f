//! The network as libp2p sees it: a transport for addresses like `/memory/7`.

use std::collections::VecDeque;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use libp2p::core::transport::{DialOpts, ListenerId, TransportError, TransportEvent};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, Transport};
use tokio::sync::mpsc;

use crate::network::{Incoming, Network, Number};
use crate::pipe::Endpoint;

/// Ports of dials are above any site's address, as ephemeral ports are.
const FIRST_PORT: u64 = 1 << 32;

/// What a site says to the others through.
pub struct SimulatedTransport {
    network: Network,
    site: Number,
    listener: Option<(ListenerId, mpsc::Receiver<Incoming>)>,
    events: VecDeque<TransportEvent<Ready<io::Result<Endpoint>>, io::Error>>,
}

impl SimulatedTransport {
    /// The transport of one site.
    pub fn new(network: Network, site: Number) -> SimulatedTransport {
        SimulatedTransport { network, site, listener: None, events: VecDeque::new() }
    }
}

/// Where a site can be reached.
pub fn address(site: Number) -> String {
    // Zero is no address: libp2p takes it for any.
    format!("/memory/{}", site + 1)
}

fn site_at(address: &Multiaddr) -> Option<Number> {
    match address.iter().next()? {
        Protocol::Memory(place) if place < FIRST_PORT => {
            usize::try_from(place).ok()?.checked_sub(1)
        }
        _ => None,
    }
}

impl Transport for SimulatedTransport {
    type Output = Endpoint;
    type Error = io::Error;
    type ListenerUpgrade = Ready<io::Result<Endpoint>>;
    type Dial = BoxFuture<'static, io::Result<Endpoint>>;

    fn listen_on(
        &mut self,
        id: ListenerId,
        address: Multiaddr,
    ) -> Result<(), TransportError<io::Error>> {
        if site_at(&address) != Some(self.site) || self.listener.is_some() {
            return Err(TransportError::MultiaddrNotSupported(address));
        }
        self.listener = Some((id, self.network.listen(self.site)));
        self.events.push_back(TransportEvent::NewAddress { listener_id: id, listen_addr: address });
        Ok(())
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.listener.take_if(|(own, _)| *own == id).is_some()
    }

    fn dial(
        &mut self,
        address: Multiaddr,
        _: DialOpts,
    ) -> Result<Self::Dial, TransportError<io::Error>> {
        match site_at(&address) {
            Some(to) => Ok(Box::pin(self.network.clone().dial(self.site, to))),
            None => Err(TransportError::MultiaddrNotSupported(address)),
        }
    }

    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        if let Some(event) = self.events.pop_front() {
            return Poll::Ready(event);
        }
        let own = self.site;
        let Some((id, incoming)) = &mut self.listener else { return Poll::Pending };
        match incoming.poll_recv(context) {
            Poll::Ready(Some(Incoming { port, endpoint, .. })) => {
                let memory = |place: u64| Multiaddr::empty().with(Protocol::Memory(place));
                Poll::Ready(TransportEvent::Incoming {
                    listener_id: *id,
                    upgrade: ready(Ok(endpoint)),
                    local_addr: memory(own as u64 + 1),
                    send_back_addr: memory(FIRST_PORT + port),
                })
            }
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}
