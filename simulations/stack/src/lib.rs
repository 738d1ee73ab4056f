//! A federation of whole suq nodes in one process and virtual time: the network of
//! real nodes (libp2p with Noise, Yamux, Kademlia, gossipsub) over simulated links,
//! their engine over simulated disks.
//!
//! Tokio's clock is paused, and everything waits by it: when no site has anything to
//! do, time jumps to the next deadline. Hours pass in as long as their work takes.

#![allow(clippy::expect_used)]

pub mod clock;
pub mod copies;
#[path = "../../world/disk.rs"]
#[allow(missing_docs)]
pub mod disk;
#[path = "../../world/documents.rs"]
#[allow(missing_docs)]
pub mod documents;
pub mod federation;
pub mod ledger;
pub mod network;
pub mod pipe;
pub mod report;
pub mod scenario;
pub mod site;
pub mod transport;

use std::future::Future;

/// Runs something in virtual time: on one thread, with a clock that stands still while
/// there is work.
///
/// # Panics
/// When the system gives no runtime.
pub fn in_virtual_time<T>(what: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without threads or sockets");
    runtime.block_on(what)
}
