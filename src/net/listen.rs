//! Addresses to listen on, and whether they are free.

use std::net::{SocketAddr, TcpListener};

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;

use super::NetError;
use crate::model::Address;

/// What an address means to libp2p.
pub(super) fn parse(address: &Address) -> Result<Multiaddr, NetError> {
    address.as_str().parse().map_err(|error: libp2p::multiaddr::Error| NetError::Address {
        address: address.clone(),
        reason: error.to_string(),
    })
}

/// Makes sure that no other program listens at an address.
///
/// libp2p shares listening ports (SO_REUSEPORT), so a second node would start
/// without an error and take half of the connections of the first.
pub(super) fn free(address: &Address) -> Result<(), NetError> {
    let socket = socket_address(&parse(address)?).ok_or_else(|| NetError::Address {
        address: address.clone(),
        reason: "something like /ip4/0.0.0.0/tcp/4001 is needed".to_owned(),
    })?;
    TcpListener::bind(socket)
        .map(drop)
        .map_err(|error| NetError::Listen { address: address.clone(), reason: error.to_string() })
}

fn socket_address(address: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = address.iter();
    let ip = match parts.next()? {
        Protocol::Ip4(ip) => ip.into(),
        Protocol::Ip6(ip) => ip.into(),
        _ => return None,
    };
    match (parts.next()?, parts.next()) {
        (Protocol::Tcp(port), None) => Some(SocketAddr::new(ip, port)),
        _ => None,
    }
}
