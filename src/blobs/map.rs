//! The map beside a partial file: which of its pieces are there.
//!
//! An octet for each piece, then the name of the system's run that wrote it. What was
//! only handed to the system outlives the process but not a power loss: it counts while
//! the system has not started anew. Everything is written in place, and each octet is
//! true by itself, so that a write that was cut off does no harm.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The piece is not there.
const MISSING: u8 = 0;

/// It is on the disk.
const DURABLE: u8 = 1;

/// The system has it, and will write it.
const WRITTEN: u8 = 2;

/// Where Linux names its run; another one after every start.
const RUN: &str = "/proc/sys/kernel/random/boot_id";

/// Which pieces are there: 1, or else 0, for each.
pub(super) fn read(path: &Path, pieces: usize) -> Vec<u8> {
    let states = states(path, pieces, &run());
    states.into_iter().map(|state| u8::from(state != MISSING)).collect()
}

fn states(path: &Path, pieces: usize, run: &[u8]) -> Vec<u8> {
    let octets = fs::read(path).unwrap_or_default();
    let Some((states, written_in)) = octets.split_at_checked(pieces) else {
        return vec![MISSING; pieces];
    };
    let is_of_this_run = !run.is_empty() && written_in == run;
    let state = |state: &u8| match *state {
        DURABLE => DURABLE,
        WRITTEN if is_of_this_run => WRITTEN,
        _ => MISSING,
    };
    states.iter().map(state).collect()
}

/// Empty where the system does not say.
fn run() -> Vec<u8> {
    fs::read(RUN).unwrap_or_default()
}

/// A map that is written to.
pub(super) struct Map(File);

impl Map {
    /// Opens the map for so many pieces, of which those stay that [`read`] has found.
    pub(super) fn open(path: &Path, pieces: usize) -> io::Result<Map> {
        Map::open_in(path, pieces, &run())
    }

    fn open_in(path: &Path, pieces: usize, run: &[u8]) -> io::Result<Map> {
        let states = states(path, pieces, run);
        let file = File::options().write(true).create(true).truncate(false).open(path)?;
        // The name of this run comes last: no piece of an earlier one may stand under it.
        file.write_all_at(&states, 0)?;
        file.write_all_at(run, pieces as u64)?;
        file.set_len((pieces + run.len()) as u64)?;
        Ok(Map(file))
    }

    /// The system has this piece.
    pub(super) fn written(&self, piece: u32) -> io::Result<()> {
        self.0.write_all_at(&[WRITTEN], u64::from(piece))
    }

    /// The pieces of this map are on the disk. Others may be written meanwhile.
    pub(super) fn durable(&self, map: &[u8]) -> io::Result<()> {
        let mut at = 0;
        for run in map.chunk_by(|one, next| one == next) {
            if run.first() == Some(&DURABLE) {
                self.0.write_all_at(run, at)?;
            }
            at += run.len() as u64;
        }
        Ok(())
    }

    /// The pieces of this map are on the disk, and no others are there.
    pub(super) fn only(&self, map: &[u8]) -> io::Result<()> {
        self.0.write_all_at(map, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_only_had_in_memory_is_gone_with_its_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map");
        let map = Map::open_in(&path, 5, b"one").unwrap();
        map.written(0).unwrap();
        map.written(3).unwrap();
        map.durable(&[1, 1, 0, 0, 0]).unwrap();
        assert_eq!(states(&path, 5, b"one"), [DURABLE, DURABLE, MISSING, WRITTEN, MISSING]);
        assert_eq!(states(&path, 5, b"two"), [DURABLE, DURABLE, MISSING, MISSING, MISSING]);
        assert_eq!(states(&path, 5, b""), [DURABLE, DURABLE, MISSING, MISSING, MISSING]);
        // The next run does not take over what it has lost.
        Map::open_in(&path, 5, b"two").unwrap();
        assert_eq!(states(&path, 5, b"two"), [DURABLE, DURABLE, MISSING, MISSING, MISSING]);
        map.only(&[0, 0, 0, 0, 1]).unwrap();
        assert_eq!(states(&path, 5, b"two"), [MISSING, MISSING, MISSING, MISSING, DURABLE]);
    }

    #[test]
    fn a_map_that_is_too_short_says_nothing_and_one_without_a_run_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map");
        assert_eq!(read(&path, 3), [0, 0, 0]);
        fs::write(&path, [1, 1]).unwrap();
        assert_eq!(read(&path, 3), [0, 0, 0]);
        fs::write(&path, [1, 2, 0]).unwrap();
        assert_eq!(read(&path, 3), [1, 0, 0]);
        fs::write(&path, [9, 1, 1]).unwrap();
        assert_eq!(read(&path, 3), [0, 1, 1]);
    }
}
