use bytes::Bytes;
use std::os::unix::fs::PermissionsExt;

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
    let Hashed { checksums, bytes, .. } = hash_file(&path, &Algorithm::ALL, |_| {}).unwrap();
    Expected { bytes, checksums }
}

fn receive(incoming: &mut Incoming, image: &[u8]) {
    for (piece, octets) in (0_u32..).zip(image.chunks(PIECE_BYTES as usize)) {
        assert!(incoming.take(piece, &Bytes::from(octets.to_vec())).unwrap());
    }
}

fn placed(incoming: Incoming) -> Blob {
    match incoming.finish().unwrap() {
        Finished::Placed(blob) => blob,
        Finished::Wrong(_, error) => panic!("{error}"),
    }
}

#[test]
fn known_checksums_come_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("abc");
    std::fs::write(&path, "abc").unwrap();
    let Hashed { checksums, bytes, .. } = hash_file(&path, &Algorithm::ALL, |_| {}).unwrap();
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
        let Finished::Wrong(mut incoming, error) = incoming.finish().unwrap() else { panic!() };
        assert!(
            matches!(&error, BlobError::Checksum { algorithm: found, .. } if *found == algorithm),
            "{error}"
        );
        assert_eq!(blobs.list().unwrap(), []);
        incoming.keep(|_| false).unwrap();
        assert_eq!(incoming.bytes_here(), 0);
    }
    let mut incoming = Incoming::begin(&blobs, expected(&image())).unwrap();
    receive(&mut incoming, &image());
    let blob = placed(incoming);
    assert_eq!(std::fs::read(blobs.path(&blob.sha512)).unwrap(), image());
}

#[test]
fn an_interrupted_transfer_goes_on_where_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    let image = image();
    {
        let mut incoming = Incoming::begin(&blobs, expected(&image)).unwrap();
        let second = PIECE_BYTES as usize..2 * PIECE_BYTES as usize;
        incoming.take(1, &Bytes::from(image[second].to_vec())).unwrap();
    }
    let mut incoming = Incoming::begin(&blobs, expected(&image)).unwrap();
    assert_eq!(incoming.here(), [false, true, false]);
    assert_eq!(incoming.bytes_here(), PIECE_BYTES);
    receive(&mut incoming, &image);
    placed(incoming);
}

#[test]
fn a_piece_is_noted_when_it_arrives_and_not_only_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    let image = image();
    let mut incoming = Incoming::begin(&blobs, expected(&image)).unwrap();
    incoming.take(2, &Bytes::from(image[2 * PIECE_BYTES as usize..].to_vec())).unwrap();
    let files = folder::files(&blobs.partial_folder()).unwrap();
    let map = files.iter().map(|(path, _)| path).find(|path| path.extension().is_some()).unwrap();
    assert_eq!(map::read(map, 3), [0, 0, 1], "a process that is killed here loses nothing");
    drop(incoming);
    assert_eq!(map::read(map, 3), [0, 0, 1]);
}

#[test]
fn a_map_without_its_file_says_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    let image = image();
    let expected = expected(&image);
    let incoming = Incoming::begin(&blobs, expected.clone()).unwrap();
    let map = incoming.map_path.clone();
    drop(incoming);
    // As if the process before was killed when the blob had its name and the map was there.
    std::fs::remove_file(map.with_extension("")).unwrap();
    std::fs::write(&map, [1; 3]).unwrap();
    let mut incoming = Incoming::begin(&blobs, expected).unwrap();
    assert_eq!(incoming.here(), [false; 3]);
    assert_eq!(map::read(&map, 3), [0; 3]);
    receive(&mut incoming, &image);
    placed(incoming);
}

#[test]
fn a_piece_that_is_not_as_signed_is_refused_and_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(&folder.path().join("blobs")).unwrap();
    let image = image();
    let source = folder.path().join("image");
    std::fs::write(&source, &image).unwrap();
    let blob = blobs.add(&source, None, |_| {}).unwrap();
    let digests = blobs.pieces(&blob.sha512).unwrap();
    assert_eq!(digests, blobs.digests(&blob).unwrap());
    blobs.remove(&blob).unwrap();
    assert_eq!(blobs.pieces(&blob.sha512), None);

    let mut incoming = Incoming::begin(&blobs, expected(&image)).unwrap();
    incoming.check_by(digests.clone());
    let mut wrong = image[..PIECE_BYTES as usize].to_vec();
    wrong[77] ^= 1;
    assert!(!incoming.take(0, &Bytes::from(wrong)).unwrap());
    assert_eq!(incoming.here(), [false; 3]);
    receive(&mut incoming, &image);
    assert_eq!(incoming.keep_signed().unwrap(), Some(Vec::new()));
    let blob = placed(incoming);
    assert_eq!(blobs.pieces(&blob.sha512), Some(digests));
}

#[test]
fn zeros_stay_holes_and_overwrite_what_was_wrong() {
    use std::os::unix::fs::MetadataExt;
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    let mut image = vec![0; 4 * PIECE_BYTES as usize];
    image[5_000_000] = 1;
    let expected = expected(&image);
    let mut incoming = Incoming::begin(&blobs, expected).unwrap();
    let random = self::image()[..PIECE_BYTES as usize].to_vec();
    incoming.take(0, &Bytes::from(random)).unwrap();
    incoming.keep(|_| false).unwrap();
    receive(&mut incoming, &image);
    let blob = placed(incoming);
    assert_eq!(std::fs::read(blobs.path(&blob.sha512)).unwrap(), image);
    let on_disk = std::fs::metadata(blobs.path(&blob.sha512)).unwrap().blocks() * 512;
    assert!(on_disk < PIECE_BYTES, "{on_disk} bytes");
}

#[test]
fn of_a_wrong_blob_single_pieces_can_be_kept() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    let right = image();
    let mut wrong = right.clone();
    wrong[..10].fill(0);
    // Zeros where something else was: not even they may stay.
    let mut zeros = right.clone();
    zeros[..PIECE_BYTES as usize].fill(0);
    let mut incoming = Incoming::begin(&blobs, expected(&zeros)).unwrap();
    receive(&mut incoming, &wrong);
    let Finished::Wrong(mut incoming, _) = incoming.finish().unwrap() else { panic!() };
    incoming.keep(|piece| piece > 0).unwrap();
    assert_eq!(incoming.here(), [false, true, true]);
    receive(&mut incoming, &zeros);
    let blob = placed(*incoming);
    assert_eq!(std::fs::read(blobs.path(&blob.sha512)).unwrap(), zeros);
}

#[test]
fn what_cannot_fit_is_refused_before_a_byte_is_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    let checksum = Checksum::new(Algorithm::Sha1, &"a".repeat(40)).unwrap();
    let checksums: Checksums = [checksum].into_iter().collect();
    let endless = Expected { bytes: u64::MAX, checksums: checksums.clone() };
    let error = Incoming::begin(&blobs, endless).err().unwrap();
    assert!(matches!(error, BlobError::NoSpace { .. }), "{error}");
    let bytes = 1 << 43;
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
