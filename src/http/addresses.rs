//! How many connections each client has.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::client::network;

/// The open connections of each client: never more entries than there are connections.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    most: usize,
    open: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

/// One connection of a client; another may come when it is dropped.
#[derive(Debug)]
pub(super) struct Counted(Addresses, IpAddr);

impl Addresses {
    /// So many for each client.
    pub(super) fn new(most: usize) -> Addresses {
        Addresses { most, open: Arc::default() }
    }

    /// One more; none when the client has all that it may have.
    pub(super) fn count(&self, client: IpAddr) -> Option<Counted> {
        let client = network(client);
        let mut open = self.lock();
        let of_client = open.entry(client).or_default();
        if *of_client >= self.most {
            return None;
        }
        *of_client += 1;
        Some(Counted(self.clone(), client))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        // Nothing panics while it is held.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self.0.lock();
        if let Some(of_client) = open.get_mut(&self.1) {
            *of_client -= 1;
            if *of_client == 0 {
                open.remove(&self.1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_its_share_and_a_network_of_ipv6_is_one() {
        let addresses = Addresses::new(2);
        let count = |address: &str| addresses.count(address.parse().unwrap());
        let first = (count("192.0.2.1").unwrap(), count("::ffff:192.0.2.1").unwrap());
        assert!(count("192.0.2.1").is_none());
        let other = (count("192.0.2.2").unwrap(), count("2001:db8::1").unwrap());
        let _last = count("2001:db8::2").unwrap();
        assert!(count("2001:db8::3").is_none() && count("2001:db8:0:1::3").is_some());
        drop(first);
        assert!(count("192.0.2.1").is_some());
        drop(other);
        assert_eq!(addresses.lock().len(), 1, "who has none is not remembered");
    }
}
