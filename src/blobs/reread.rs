//! Reading a blob again, to see whether its bytes are still those of its name.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, fadvise};

use super::collect::damaged_name;
use super::folder::files;
use super::hash::{Hasher, read_chunk};
use super::lock::Inode;
use super::place::{index, sync_folder};
use super::{Blob, BlobError, Blobs};
use crate::model::{Algorithm, Sha1, Sha512};

/// Damaged blobs that are kept for whoever wants to save what can be saved; the
/// oldest go first.
pub const MAX_DAMAGED: usize = 4;

/// A blob that is being read again, step by step.
pub struct Reread {
    blobs: Blobs,
    sha512: Sha512,
    file: File,
    inode: Inode,
    hasher: Hasher,
}

/// What reading a blob again found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Its bytes are those of its name.
    Sound(Blob),
    /// They are not, or cannot be read.
    Damaged(Damage),
    /// It was taken away or replaced meanwhile.
    Gone,
}

/// A damaged blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Its name.
    pub sha512: Sha512,
    /// Its other name; none when the index had lost it.
    pub sha1: Option<Sha1>,
    /// What is wrong with it.
    pub reason: String,
    inode: Inode,
}

impl Reread {
    /// Begins to read a blob again, from the disk and not from what the system
    /// remembers of it; none when it is not here.
    pub fn begin(blobs: &Blobs, sha512: &Sha512) -> Result<Option<Reread>, BlobError> {
        let path = blobs.path(sha512);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(BlobError::io(&path))?,
        };
        // It is not collected while it is read; where nobody can lock, it may be.
        let _ = file.try_lock_shared();
        let inode = Inode::of(&file).map_err(BlobError::io(&path))?;
        let _ = fadvise(&file, 0, None, Advice::DontNeed);
        let hasher = Hasher::new(&[Algorithm::Sha1, Algorithm::Sha512]);
        Ok(Some(Reread { blobs: blobs.clone(), sha512: *sha512, file, inode, hasher }))
    }

    /// Reads the next bytes and says how many; none at the end.
    ///
    /// # Errors
    /// What the disk says: hand it to [`Reread::unreadable`].
    pub fn step(&mut self) -> io::Result<Option<u64>> {
        let Some(chunk) = read_chunk(&mut self.file)? else { return Ok(None) };
        self.hasher.update(&chunk);
        Ok(Some(chunk.len() as u64))
    }

    /// What was found. A sound blob that the index has lost is found again by its SHA-1.
    pub fn finish(self) -> Result<Found, BlobError> {
        let path = self.blobs.path(&self.sha512);
        let bytes = self.hasher.bytes();
        let found = self.hasher.finish().map_err(BlobError::io(&path))?;
        let (sha512, sha1) = (found.sha512(), found.sha1());
        let indexed = self.blobs.sha1_of(&self.sha512)?;
        let reason = match (sha512, sha1) {
            (Some(sha512), Some(sha1)) if sha512 == self.sha512 => {
                let _change = self.blobs.change()?;
                let blob = Blob { sha512, sha1, bytes };
                if Inode::at(&path) != Some(self.inode) {
                    return Ok(Found::Gone);
                }
                if self.blobs.by_sha1(&sha1) != Some(blob) {
                    index(&self.blobs, &sha1, &sha512)?;
                }
                return Ok(Found::Sound(blob));
            }
            (Some(sha512), _) => format!("its SHA-512 is {sha512}"),
            _ => "it could not be hashed".to_owned(),
        };
        Ok(damaged(&self.blobs, self.sha512, indexed, self.inode, reason))
    }

    /// What it means that the disk did not give the bytes.
    pub fn unreadable(self, error: &io::Error) -> Result<Found, BlobError> {
        let indexed = self.blobs.sha1_of(&self.sha512)?;
        let reason = format!("it cannot be read: {error}");
        Ok(damaged(&self.blobs, self.sha512, indexed, self.inode, reason))
    }
}

/// A damaged blob, unless it has been replaced or taken away meanwhile.
fn damaged(
    blobs: &Blobs,
    sha512: Sha512,
    sha1: Option<Sha1>,
    inode: Inode,
    reason: String,
) -> Found {
    match Inode::at(&blobs.path(&sha512)) {
        Some(now) if now == inode => Found::Damaged(Damage { sha512, sha1, reason, inode }),
        _ => Found::Gone,
    }
}

impl Blobs {
    /// Takes a damaged blob out of the way, so that it is not handed out and can be
    /// fetched again; false when it was replaced or taken away meanwhile.
    pub fn set_aside(&self, damage: &Damage) -> Result<bool, BlobError> {
        let _change = self.change()?;
        let path = self.path(&damage.sha512);
        if Inode::at(&path) != Some(damage.inode) {
            return Ok(false);
        }
        let folder = self.damaged_folder();
        let mut name = damage.sha512.to_string();
        if let Some(sha1) = damage.sha1 {
            name.push_str(&format!(".{sha1}"));
        }
        let aside = folder.join(name);
        fs::rename(&path, &aside).map_err(BlobError::io(&path))?;
        if let Some(sha1) = damage.sha1 {
            let index = self.sha1_folder().join(sha1.to_string());
            fs::remove_file(&index).map_err(BlobError::io(&index))?;
        }
        sync_folder(&folder)?;
        sync_folder(path.parent().unwrap_or(&self.root))?;
        self.bound_damaged(&aside)?;
        Ok(true)
    }

    /// Blobs that were found damaged and have not come again.
    pub fn damaged(&self) -> Result<Vec<(Sha512, Option<Sha1>)>, BlobError> {
        let files = files(&self.damaged_folder())?;
        let names = files.iter().filter_map(|(path, _)| damaged_name(path));
        Ok(names.filter(|(sha512, _)| self.size(sha512).is_none()).collect())
    }

    /// Deletes all but the latest damaged files.
    fn bound_damaged(&self, latest: &Path) -> Result<(), BlobError> {
        let mut others: Vec<(i64, PathBuf)> = files(&self.damaged_folder())?
            .into_iter()
            .filter(|(path, _)| path != latest)
            // When it was moved: renaming changes this time.
            .map(|(path, metadata)| (metadata.ctime(), path))
            .collect();
        others.sort_unstable();
        let too_many = (others.len() + 1).saturating_sub(MAX_DAMAGED);
        for (_, path) in others.into_iter().take(too_many) {
            fs::remove_file(&path).map_err(BlobError::io(&path))?;
        }
        Ok(())
    }

    /// The SHA-1 under which the index finds a blob.
    fn sha1_of(&self, sha512: &Sha512) -> Result<Option<Sha1>, BlobError> {
        let mut all = self.list()?.into_iter();
        Ok(all.find(|blob| blob.sha512 == *sha512).map(|blob| blob.sha1))
    }

    pub(super) fn damaged_folder(&self) -> PathBuf {
        self.root.join("damaged")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileExt, PermissionsExt};

    use super::*;
    use crate::model::Timestamp;

    fn add(blobs: &Blobs, n: u8) -> Blob {
        let source = blobs.root.join("source");
        fs::write(&source, vec![n; 3_000_000]).unwrap();
        blobs.add(&source, None, |_| {}).unwrap()
    }

    /// Changes one bit, as a disk does.
    fn rot(blobs: &Blobs, blob: &Blob) {
        let path = blobs.path(&blob.sha512);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        let mut octet = [0];
        file.read_exact_at(&mut octet, 2_000_000).unwrap();
        file.write_all_at(&[octet[0] ^ 4], 2_000_000).unwrap();
    }

    fn damage(blobs: &Blobs, blob: &Blob) -> Damage {
        match blobs.verify(&blob.sha512, |_| {}).unwrap() {
            Found::Damaged(damage) => damage,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_wrong_bit_is_found_and_moved_out_of_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        let (rotten, sound) = (add(&blobs, 1), add(&blobs, 2));
        rot(&blobs, &rotten);
        assert_eq!(blobs.verify(&sound.sha512, |_| {}).unwrap(), Found::Sound(sound));
        let damage = damage(&blobs, &rotten);
        assert!(blobs.set_aside(&damage).unwrap());
        assert_eq!(blobs.list().unwrap(), [sound]);
        assert_eq!(blobs.by_sha1(&rotten.sha1), None);
        assert_eq!(blobs.damaged().unwrap(), [(rotten.sha512, Some(rotten.sha1))]);
        assert_eq!(blobs.verify(&rotten.sha512, |_| {}).unwrap(), Found::Gone);
        // It comes again.
        assert_eq!(add(&blobs, 1), rotten);
        assert_eq!(blobs.damaged().unwrap(), []);
        assert_eq!(blobs.verify(&rotten.sha512, |_| {}).unwrap(), Found::Sound(rotten));
    }

    #[test]
    fn one_that_was_replaced_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        let blob = add(&blobs, 1);
        rot(&blobs, &blob);
        let late = damage(&blobs, &blob);
        add(&blobs, 1);
        assert!(!blobs.set_aside(&late).unwrap());
        assert_eq!(blobs.list().unwrap(), [blob]);
        assert_eq!(blobs.damaged().unwrap(), []);
    }

    #[test]
    fn a_blob_that_a_crash_kept_out_of_the_index_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        let blob = add(&blobs, 1);
        fs::remove_file(blobs.sha1_folder().join(blob.sha1.to_string())).unwrap();
        assert_eq!(blobs.list().unwrap(), []);
        assert_eq!(blobs.next_to_scrub(&Default::default()).unwrap(), Some(blob.sha512));
        assert_eq!(blobs.verify(&blob.sha512, |_| {}).unwrap(), Found::Sound(blob));
        assert_eq!(blobs.list().unwrap(), [blob]);
    }

    #[test]
    fn few_damaged_ones_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        let all: Vec<Blob> = (1..=6).map(|n| add(&blobs, n)).collect();
        for blob in &all {
            rot(&blobs, blob);
            assert!(blobs.set_aside(&damage(&blobs, blob)).unwrap());
        }
        let damaged = blobs.damaged().unwrap();
        assert_eq!(damaged.len(), MAX_DAMAGED);
        assert!(damaged.contains(&(all[5].sha512, Some(all[5].sha1))), "the latest is kept");
    }

    #[test]
    fn the_scrub_goes_on_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        let mut all: Vec<Sha512> = (1..=4).map(|n| add(&blobs, n).sha512).collect();
        all.sort_unstable();
        let now = Timestamp::from_seconds(1_000_000);
        let mut state = blobs.scrub_state();
        assert!(!state.is_under_way());
        state.begin(now);
        let mut read = Vec::new();
        while let Some(next) = blobs.next_to_scrub(&state).unwrap() {
            read.push(next);
            state.after = Some(next);
            blobs.set_scrub_state(&state).unwrap();
            // As after a restart.
            state = Blobs::open(folder.path()).unwrap().scrub_state();
        }
        assert_eq!(read, all);
        let period = std::time::Duration::from_secs(100);
        assert_eq!(state.wait(period, now), None, "it is under way");
        state.ended = Some(now);
        assert_eq!(state.wait(period, now), Some(period));
        assert_eq!(state.wait(period, now.plus(period)), None, "the next one is due");
    }
}
