//! What was found out about certificates: decoding one costs six times an RSA
//! verification, and checking its chain three times as much again.

use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{BadCertificate, Certificate};
use crate::manifest::Trust;
use crate::model::{Sha256, Timestamp};

/// The latest values, a bounded number of them.
#[derive(Debug)]
struct Latest<K, V> {
    capacity: usize,
    kept: Mutex<Kept<K, V>>,
}

#[derive(Debug)]
struct Kept<K, V> {
    by_key: BTreeMap<K, V>,
    /// Oldest first.
    order: VecDeque<K>,
}

impl<K: Ord + Copy, V: Clone> Latest<K, V> {
    fn new(capacity: usize) -> Latest<K, V> {
        let kept = Kept { by_key: BTreeMap::new(), order: VecDeque::new() };
        Latest { capacity, kept: Mutex::new(kept) }
    }

    fn get(&self, key: &K) -> Option<V> {
        self.lock().by_key.get(key).cloned()
    }

    fn insert(&self, key: K, value: V) {
        let mut kept = self.lock();
        if kept.by_key.insert(key, value).is_none() {
            kept.order.push_back(key);
        }
        if kept.order.len() > self.capacity
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.by_key.remove(&oldest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept<K, V>> {
        // Nothing panics while it is held; a poisoned cache is still a cache.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The latest certificates that were decoded, by SHA-256 of their DER.
#[derive(Debug)]
pub struct CertificateCache(Latest<Sha256, Arc<Certificate>>);

impl CertificateCache {
    /// An empty cache that keeps this many.
    pub fn new(capacity: usize) -> CertificateCache {
        CertificateCache(Latest::new(capacity))
    }

    /// The certificate in this DER, decoded now or earlier.
    pub fn parse(&self, der: &[u8]) -> Result<Arc<Certificate>, BadCertificate> {
        let digest = Sha256::of(der);
        if let Some(known) = self.0.get(&digest) {
            return Ok(known);
        }
        let certificate = Arc::new(Certificate::parse(der)?);
        self.0.insert(digest, Arc::clone(&certificate));
        Ok(certificate)
    }
}

/// What a chain is found by: SHA-256 of the leaf, of the digests of the other
/// certificates, and whether the archive's weaker algorithms were allowed.
pub(super) type ChainKey = (Sha256, Sha256, bool);

/// What was decided about a signer, and the dates for which the same is decided: all
/// that a chain's check asks of the date is that every certificate is valid then.
#[derive(Debug, Clone)]
pub(super) struct Checked {
    pub(super) trust: Trust,
    pub(super) dates: RangeInclusive<Timestamp>,
}

/// The latest chains that led to an anchor.
#[derive(Debug)]
pub(super) struct ChainCache(Latest<ChainKey, Checked>);

/// Chains that are remembered: one for each endorser of a large federation. Each has
/// some 300 bytes.
const CHAINS: usize = 4096;

impl Default for ChainCache {
    fn default() -> ChainCache {
        ChainCache(Latest::new(CHAINS))
    }
}

impl ChainCache {
    pub(super) fn get(&self, key: &ChainKey, at: Timestamp) -> Option<Trust> {
        let checked = self.0.get(key)?;
        checked.dates.contains(&at).then_some(checked.trust)
    }

    pub(super) fn insert(&self, key: ChainKey, checked: Checked) {
        self.0.insert(key, checked);
    }
}

#[cfg(test)]
mod tests {
    use super::super::authority::{Authority, KeyKind};
    use super::*;

    #[test]
    fn the_cache_keeps_no_more_than_its_capacity() {
        let now = Timestamp::from_seconds(1_700_000_000);
        let authority = Authority::new("Test", now).unwrap();
        let cache = CertificateCache::new(2);
        for name in ["a", "b", "c"] {
            let key = authority.endorser(name, None, KeyKind::EcP256, now).unwrap();
            let first = cache.parse(key.certificate().der()).unwrap();
            assert!(Arc::ptr_eq(&first, &cache.parse(key.certificate().der()).unwrap()));
        }
        assert_eq!(cache.0.lock().by_key.len(), 2);
        assert_eq!(cache.0.lock().order.len(), 2);
    }
}
