use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use super::*;
use crate::model::{Algorithm, Checksum, Checksums};

/// Bytes that no two pieces share: more than two pieces, the last one short.
fn image() -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..(2 * PIECE_BYTES + 12_345)).map(|_| random.u8(..)).collect()
}

fn expected(image: &[u8]) -> Expected {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    std::fs::write(&path, image).unwrap();
    let (checksums, bytes) = hash_file(&path, &Algorithm::ALL, |_| {}).unwrap();
    Expected { bytes, checksums }
}

fn receive(incoming: &mut Incoming, image: &[u8]) {
    for range in incoming.missing() {
        for offset in (range.offset..range.offset + range.length).step_by(CHUNK_BYTES) {
            let end = (offset + CHUNK_BYTES as u64).min(range.offset + range.length);
            let chunk = image[offset as usize..end as usize].to_vec();
            incoming.write(offset, &Arc::new(chunk)).unwrap();
        }
    }
}

#[test]
fn known_checksums_come_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("abc");
    std::fs::write(&path, "abc").unwrap();
    let (checksums, bytes) = hash_file(&path, &Algorithm::ALL, |_| {}).unwrap();
    assert_eq!(bytes, 3);
    // RFC 1321, FIPS 180-4.
    assert_eq!(checksums.value(Algorithm::Md5), Some("900150983cd24fb0d6963f7d28e17f72"));
    let sha1 = "a9993e364706816aba3e25717850c26c9cd0d89d";
    assert_eq!(checksums.value(Algorithm::Sha1), Some(sha1));
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(checksums.value(Algorithm::Sha256), Some(sha256));
    assert!(checksums.value(Algorithm::Sha512).unwrap().starts_with("ddaf35a193617abacc417349"));
}

#[test]
fn an_added_file_is_found_by_both_names_and_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(&folder.path().join("blobs")).unwrap();
    let source = folder.path().join("image");
    std::fs::write(&source, image()).unwrap();
    let blob = blobs.add(&source, Some(&expected(&image())), |_| {}).unwrap();
    assert_eq!(blobs.by_sha1(&blob.sha1), Some(blob));
    assert_eq!(blobs.list().unwrap(), [blob]);
    assert_eq!(std::fs::read(blobs.path(&blob.sha512)).unwrap(), image());
    let mode = std::fs::metadata(blobs.path(&blob.sha512)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o444);

    let target = folder.path().join("out");
    export(&blobs, &blob.sha512, &target, |_| {}).unwrap();
    std::fs::write(&target, "mine now").unwrap();
    assert_eq!(blobs.verify(&blob.sha512, |_| {}).unwrap(), Found::Sound(blob));
}

#[test]
fn a_file_that_differs_from_its_manifest_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    let source = folder.path().join("image");
    let mut wrong = image();
    wrong[5_000_000] ^= 1;
    std::fs::write(&source, &wrong).unwrap();
    let error = blobs.add(&source, Some(&expected(&image())), |_| {}).unwrap_err();
    assert!(matches!(error, BlobError::Checksum { .. }), "{error}");
    std::fs::write(&source, &wrong[1..]).unwrap();
    let error = blobs.add(&source, Some(&expected(&image())), |_| {}).unwrap_err();
    assert!(matches!(error, BlobError::Size { .. }), "{error}");
    assert_eq!(blobs.list().unwrap(), []);
    assert_eq!(std::fs::read_dir(blobs.partial_folder()).unwrap().count(), 0);
}

#[test]
fn a_received_blob_appears_only_when_every_checksum_matched() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    for algorithm in Algorithm::ALL {
        let mut wrong = expected(&image());
        let digits = "0".repeat(algorithm.digest_bytes() * 2);
        wrong.checksums.insert(Checksum::new(algorithm, &digits).unwrap());
        let mut incoming = Incoming::begin(&blobs, wrong).unwrap();
        receive(&mut incoming, &image());
        let error = incoming.finish().unwrap_err();
        assert!(
            matches!(&error, BlobError::Checksum { algorithm: found, .. } if *found == algorithm),
            "{error}"
        );
        assert_eq!(blobs.list().unwrap(), []);
        assert_eq!(std::fs::read_dir(blobs.partial_folder()).unwrap().count(), 0);
    }
    let mut incoming = Incoming::begin(&blobs, expected(&image())).unwrap();
    receive(&mut incoming, &image());
    let blob = incoming.finish().unwrap();
    assert_eq!(std::fs::read(blobs.path(&blob.sha512)).unwrap(), image());
}

#[test]
fn an_interrupted_transfer_goes_on_where_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    let image = image();
    {
        let mut incoming = Incoming::begin(&blobs, expected(&image)).unwrap();
        // The second piece, and a part of the first.
        let second = PIECE_BYTES as usize..2 * PIECE_BYTES as usize;
        incoming.write(PIECE_BYTES, &Arc::new(image[second].to_vec())).unwrap();
        incoming.write(0, &Arc::new(image[..1000].to_vec())).unwrap();
    }
    let mut incoming = Incoming::begin(&blobs, expected(&image)).unwrap();
    assert_eq!(incoming.resumed(), PIECE_BYTES);
    let ranges: Vec<(u64, u64)> =
        incoming.missing().iter().map(|range| (range.offset, range.length)).collect();
    assert_eq!(ranges, [(0, PIECE_BYTES), (2 * PIECE_BYTES, 12_345)]);
    receive(&mut incoming, &image);
    incoming.finish().unwrap();
}

#[test]
fn what_cannot_fit_is_refused_before_a_byte_is_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    let checksum = Checksum::new(Algorithm::Sha1, &"a".repeat(40)).unwrap();
    let checksums: Checksums = [checksum].into_iter().collect();
    let bytes = 1 << 50;
    let error = Incoming::begin(&blobs, Expected { bytes, checksums }).err().unwrap();
    assert!(matches!(error, BlobError::NoSpace { .. }), "{error}");
}

#[test]
fn two_transfers_of_one_blob_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    let _first = Incoming::begin(&blobs, expected(&image())).unwrap();
    let second = Incoming::begin(&blobs, expected(&image())).err().unwrap();
    assert!(matches!(second, BlobError::InUse { .. }), "{second}");
}
