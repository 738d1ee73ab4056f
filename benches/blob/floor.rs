//! What hashing alone takes: all four digests on two threads, as suq computes them.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use openssl::hash::{Hasher, MessageDigest};

use crate::MIB;

/// Seconds that the four digests of a file take on two threads, each with about half of
/// the work.
pub fn four_digests(path: &Path) -> f64 {
    let started = Instant::now();
    let halves = [
        [MessageDigest::md5(), MessageDigest::sha1()],
        [MessageDigest::sha256(), MessageDigest::sha512()],
    ];
    std::thread::scope(|scope| {
        let mut lanes = Vec::new();
        for half in halves {
            let (sender, chunks) = sync_channel::<Arc<Vec<u8>>>(2);
            lanes.push(sender);
            scope.spawn(move || {
                let mut hashers = half.map(|digest| Hasher::new(digest).unwrap());
                for chunk in chunks {
                    hashers.iter_mut().for_each(|hasher| hasher.update(&chunk).unwrap());
                }
                hashers.map(|mut hasher| hasher.finish().unwrap())
            });
        }
        let mut file = File::open(path).unwrap();
        loop {
            let mut chunk = vec![0; MIB];
            let read = file.read(&mut chunk).unwrap();
            if read == 0 {
                return;
            }
            chunk.truncate(read);
            let chunk = Arc::new(chunk);
            lanes.iter().for_each(|lane| lane.send(Arc::clone(&chunk)).unwrap());
        }
    });
    started.elapsed().as_secs_f64()
}
