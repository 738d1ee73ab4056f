//! Zeros that take no disk: holes stay holes, and zeros become some.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::{FallocateFlags, SeekFrom, copy_file_range, fallocate, ioctl_ficlone, seek};
use rustix::io::Errno;

/// Bytes of zeros that are worth a hole, and where holes begin: a multiple of
/// every usual block of a file system.
const GRAIN: usize = 64 * 1024;

static ZEROS: [u8; GRAIN] = [0; GRAIN];

/// Bytes that the system copies before somebody is told how far it is.
const COPY_BYTES: usize = 64 * 1024 * 1024;

/// Writes octets at an offset; what is nothing but zeros becomes a hole, whatever
/// was there before.
pub(super) fn write_all_at(file: &File, octets: &[u8], offset: u64) -> io::Result<()> {
    let mut at = 0;
    while at < octets.len() {
        let (length, is_zero) = run(&octets[at..], offset + at as u64);
        let (part, place) = (&octets[at..at + length], offset + at as u64);
        if !is_zero || !punch(file, place, length as u64)? {
            file.write_all_at(part, place)?;
        }
        at += length;
    }
    Ok(())
}

/// How many of the first octets are all zeros, or all written, in whole grains of
/// the file; and which of the two.
fn run(octets: &[u8], offset: u64) -> (usize, bool) {
    let (mut length, mut kind) = (0, None);
    while length < octets.len() {
        let in_grain = ((offset + length as u64) % GRAIN as u64) as usize;
        let grain = (GRAIN - in_grain).min(octets.len() - length);
        let is_zero = octets[length..length + grain] == ZEROS[..grain];
        if *kind.get_or_insert(is_zero) != is_zero {
            break;
        }
        length += grain;
    }
    (length, kind.unwrap_or(false))
}

/// Makes a hole; false where the file system has none.
fn punch(file: &File, offset: u64, length: u64) -> io::Result<bool> {
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    match fallocate(file, flags, offset, length) {
        Ok(()) => Ok(true),
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Shares all bytes of a file with an empty one until either is written to; false
/// where the file system cannot.
pub(super) fn clone(from: &File, to: &File) -> bool {
    ioctl_ficlone(to, from).is_ok()
}

/// Copies a file of this size into an empty one, hole by hole; `progress` hears of
/// the bytes that are done.
pub(super) fn copy(
    from: &File,
    to: &File,
    bytes: u64,
    mut progress: impl FnMut(u64),
) -> io::Result<()> {
    let mut at = 0;
    while at < bytes {
        let start = match seek(from, SeekFrom::Data(at)) {
            Ok(start) => start.min(bytes),
            // Nothing but a hole is left.
            Err(Errno::NXIO) => bytes,
            Err(_) => at,
        };
        let end = match seek(from, SeekFrom::Hole(start)) {
            Ok(end) => end.min(bytes),
            Err(_) => bytes,
        };
        progress(start - at);
        copy_range(from, to, start, end, &mut progress)?;
        at = end;
    }
    to.set_len(bytes)
}

/// Copies bytes within the system where it can.
fn copy_range(
    from: &File,
    to: &File,
    start: u64,
    end: u64,
    progress: &mut impl FnMut(u64),
) -> io::Result<()> {
    let (mut read, mut written) = (start, start);
    while read < end {
        let length = usize::try_from(end - read).unwrap_or(COPY_BYTES).min(COPY_BYTES);
        match copy_file_range(from, Some(&mut read), to, Some(&mut written), length) {
            Ok(0) | Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                return copy_by_hand(from, to, read, end, progress);
            }
            Ok(copied) => progress(copied as u64),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn copy_by_hand(
    from: &File,
    to: &File,
    start: u64,
    end: u64,
    progress: &mut impl FnMut(u64),
) -> io::Result<()> {
    let mut buffer = vec![0; super::CHUNK_BYTES];
    let mut at = start;
    while at < end {
        let length = usize::try_from(end - at).unwrap_or(buffer.len()).min(buffer.len());
        from.read_exact_at(&mut buffer[..length], at)?;
        to.write_all_at(&buffer[..length], at)?;
        progress(length as u64);
        at += length as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::blobs::folder::disk_bytes;
    use crate::blobs::{Blobs, export};

    const MIB: usize = 1024 * 1024;

    fn on_disk(path: &std::path::Path) -> u64 {
        disk_bytes(&fs::metadata(path).unwrap())
    }

    #[test]
    fn an_image_with_holes_keeps_them_on_its_way_in_and_out() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("image");
        let file = File::create(&source).unwrap();
        file.set_len(64 * MIB as u64).unwrap();
        file.write_all_at(&vec![7; MIB], 3 * MIB as u64 + 5).unwrap();
        file.write_all_at(&[1], 40 * MIB as u64).unwrap();
        // Zeros that are written take disk in the source only.
        file.write_all_at(&vec![0; 8 * MIB], 50 * MIB as u64).unwrap();
        file.sync_all().unwrap();
        assert!(on_disk(&source) >= 9 * MIB as u64);

        let blobs = Blobs::open(&folder.path().join("blobs")).unwrap();
        let blob = blobs.add(&source, None, |_| {}).unwrap();
        let out = folder.path().join("out");
        let mut copied = 0;
        export(&blobs, &blob.sha512, &out, |bytes| copied += bytes).unwrap();
        assert_eq!(copied, 64 * MIB as u64);
        for path in [blobs.path(&blob.sha512), out] {
            assert!(fs::read(&path).unwrap() == fs::read(&source).unwrap());
            assert!(on_disk(&path) <= 2 * MIB as u64, "{} bytes", on_disk(&path));
        }
    }

    #[test]
    fn what_is_written_is_read_whatever_was_there_and_wherever_it_begins() {
        let mut random = fastrand::Rng::with_seed(5);
        let file = tempfile::tempfile().unwrap();
        let mut expected = vec![0xff; 4 * MIB];
        file.write_all_at(&expected, 0).unwrap();
        for _ in 0..200 {
            let mut octets = vec![0; random.usize(1..MIB)];
            for _ in 0..random.usize(0..4) {
                let start = random.usize(..octets.len());
                let end = random.usize(start..octets.len());
                octets[start..end].fill(random.u8(..));
            }
            let offset = random.usize(0..=expected.len() - octets.len());
            write_all_at(&file, &octets, offset as u64).unwrap();
            expected[offset..offset + octets.len()].copy_from_slice(&octets);
        }
        let mut found = vec![0; expected.len()];
        file.read_exact_at(&mut found, 0).unwrap();
        assert!(found == expected);
    }

    #[test]
    fn copies_are_the_same_in_every_way_of_copying() {
        let folder = tempfile::tempdir().unwrap();
        let (source, bytes) = (folder.path().join("source"), 3 * MIB as u64 + 17);
        let file = File::options().read(true).write(true).create_new(true).open(&source).unwrap();
        file.set_len(bytes).unwrap();
        file.write_all_at(&vec![9; MIB], MIB as u64 + 3).unwrap();
        let expected = fs::read(&source).unwrap();
        let by_hand = folder.path().join("by-hand");
        copy_by_hand(&file, &File::create(&by_hand).unwrap(), 0, bytes, &mut |_| {}).unwrap();
        let by_system = folder.path().join("by-system");
        copy(&file, &File::create(&by_system).unwrap(), bytes, |_| {}).unwrap();
        assert!(fs::read(by_hand).unwrap() == expected && fs::read(by_system).unwrap() == expected);
    }
}
