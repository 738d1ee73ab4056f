//! Very many signed documents, made on all cores and once in a process.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use suq::manifest::pki::SigningKey;
use suq::model::Timestamp;

use super::documents::{EPOCH, endorser, signed};
use super::scenario::Bulk;

/// What was made so far: a longer list begins with every shorter one of as many a day.
static MADE: Mutex<Vec<(u64, Arc<[u8]>)>> = Mutex::new(Vec::new());

/// The hour of each day in which documents are made.
const HOUR: Duration = Duration::from_secs(9 * 3600);

impl Bulk {
    /// When a document is endorsed and published.
    pub fn time(&self, number: usize) -> Timestamp {
        let a_day = self.documents.div_ceil(self.days as usize);
        let (day, place) = (number / a_day, number % a_day);
        let within_ms = 3_600_000 * place as u64 / a_day as u64;
        EPOCH
            .plus(Duration::from_secs(86_400 * day as u64))
            .plus(HOUR)
            .plus(Duration::from_millis(within_ms))
    }

    /// All documents, in the order of their endorsement.
    pub fn documents(&self) -> Vec<Arc<[u8]>> {
        let mut made = MADE.lock().unwrap();
        if made.len() != self.documents {
            *made = self.make();
        }
        made.iter().map(|(_, document)| Arc::clone(document)).collect()
    }

    fn make(&self) -> Vec<(u64, Arc<[u8]>)> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let keys: Vec<SigningKey> = (0..3).map(endorser).collect();
        let part = |core: usize| -> Vec<(u64, Arc<[u8]>)> {
            let numbers = (core..self.documents).step_by(cores);
            let document = |n: usize| {
                let created = self.time(n).whole_seconds();
                let title = format!("image {n} of a month");
                (n as u64, signed(1000 + n, &title, &keys[n % keys.len()], created))
            };
            numbers.map(document).collect()
        };
        let mut made: Vec<(u64, Arc<[u8]>)> = std::thread::scope(|scope| {
            let part = &part;
            let parts: Vec<_> = (0..cores).map(|core| scope.spawn(move || part(core))).collect();
            parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
        });
        made.sort_unstable_by_key(|(number, _)| *number);
        made
    }
}
