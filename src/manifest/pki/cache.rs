//! Decoded certificates: decoding one costs six times an RSA verification.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use super::{BadCertificate, Certificate};
use crate::model::Sha256;

/// The latest certificates that were decoded, by SHA-256 of their DER.
#[derive(Debug)]
pub struct CertificateCache {
    capacity: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_digest: BTreeMap<Sha256, Arc<Certificate>>,
    /// Oldest first.
    order: VecDeque<Sha256>,
}

impl CertificateCache {
    /// An empty cache that keeps this many.
    pub fn new(capacity: usize) -> CertificateCache {
        CertificateCache { capacity, kept: Mutex::new(Kept::default()) }
    }

    /// The certificate in this DER, decoded now or earlier.
    pub fn parse(&self, der: &[u8]) -> Result<Arc<Certificate>, BadCertificate> {
        let digest = Sha256::of(der);
        if let Some(known) = self.lock().by_digest.get(&digest) {
            return Ok(Arc::clone(known));
        }
        let certificate = Arc::new(Certificate::parse(der)?);
        let mut kept = self.lock();
        if kept.by_digest.insert(digest, Arc::clone(&certificate)).is_none() {
            kept.order.push_back(digest);
        }
        if kept.order.len() > self.capacity
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.by_digest.remove(&oldest);
        }
        Ok(certificate)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        // Nothing panics while it is held; a poisoned cache is still a cache.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::authority::{Authority, KeyKind};
    use super::*;
    use crate::model::Timestamp;

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
        assert_eq!(cache.lock().by_digest.len(), 2);
        assert_eq!(cache.lock().order.len(), 2);
    }
}
