//! Collection: what goes when images take more than their quota, and leftovers.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::folder::{Stored, disk_bytes, files};
use super::reserve::is_locked;
use super::{Blob, BlobError, Blobs, PIECES};
use crate::model::{Sha1, Sha512, Timestamp};

/// Blobs that one collection may take away; the next one takes more. Others are
/// asked about each.
pub const MAX_EVICTABLE: usize = 1024;

/// A transfer that nobody went on with for this long is not wanted any more.
const ABANDONED: Duration = Duration::from_secs(30 * 24 * 3600);

/// A copy that was cut off cannot go on: it only has to be told from one that begins.
const CUT_OFF: Duration = Duration::from_secs(3600);

/// What a collection would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Bytes of the quota; none when there is none.
    pub quota: Option<u64>,
    /// Bytes that count against it now.
    pub used: u64,
    /// Bytes that are to go.
    pub excess: u64,
    /// What may go, least recently used first.
    pub evictable: Vec<Stored>,
}

/// Why a blob that could have gone stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Somebody reads it, or has used it since the plan was made.
    InUse,
    /// It was pinned since.
    Pinned,
    /// An entry names it since.
    Named,
    /// Nobody else is known to hold it.
    LastCopy,
}

/// What a collection did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evicted {
    /// What went.
    pub removed: Vec<Stored>,
    /// What would have gone otherwise.
    pub kept: Vec<(Stored, Kept)>,
}

/// Leftovers that went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files.
    pub files: usize,
    /// Bytes of the disk that they took.
    pub bytes: u64,
}

impl Blobs {
    /// Looks what has to go so that `room` more bytes fit under the quota.
    /// `is_named` says whether a current entry of the catalogue names a blob.
    ///
    /// # Errors
    /// Those of the disk, and of `is_named`.
    pub fn plan<E: From<BlobError>>(
        &self,
        quota: Option<u64>,
        room: u64,
        mut is_named: impl FnMut(&Blob) -> Result<bool, E>,
    ) -> Result<Plan, E> {
        let used = self.usage()?.total();
        let excess = quota.map_or(0, |quota| used.saturating_add(room).saturating_sub(quota));
        let mut evictable = Vec::new();
        if excess > 0 {
            for stored in self.stored()? {
                if !stored.pinned && !is_named(&stored.blob)? {
                    evictable.push(stored);
                }
            }
        }
        evictable.sort_unstable_by_key(|stored| (stored.used, stored.blob));
        evictable.truncate(MAX_EVICTABLE);
        Ok(Plan { quota, used, excess, evictable })
    }

    /// Takes away what a plan says, the least recently used first, until enough has
    /// gone. `reason` says why a blob has to stay after all. A dry run only says what
    /// would go.
    pub fn evict<E: From<BlobError>>(
        &self,
        plan: &Plan,
        dry_run: bool,
        mut reason: impl FnMut(&Blob) -> Result<Option<Kept>, E>,
    ) -> Result<Evicted, E> {
        let mut evicted = Evicted::default();
        let mut gone = 0;
        for stored in &plan.evictable {
            if gone >= plan.excess {
                break;
            }
            let kept = match reason(&stored.blob)? {
                None => self.evict_one(stored, dry_run)?,
                kept => kept,
            };
            match kept {
                Some(kept) => evicted.kept.push((*stored, kept)),
                None => {
                    gone += stored.disk_bytes;
                    evicted.removed.push(*stored);
                }
            }
        }
        Ok(evicted)
    }

    /// Whoever has opened the blob goes on reading it: the bytes go with the last reader.
    fn evict_one(&self, stored: &Stored, dry_run: bool) -> Result<Option<Kept>, BlobError> {
        let sha512 = stored.blob.sha512;
        let _change = self.change()?;
        let path = self.path(&sha512);
        let file = match File::open(&path) {
            // Somebody else has taken it away.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(BlobError::io(&path))?,
        };
        if self.is_pinned(&sha512) {
            return Ok(Some(Kept::Pinned));
        }
        let is_read = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        if is_read || self.used(&sha512) != Some(stored.used) {
            return Ok(Some(Kept::InUse));
        }
        if !dry_run {
            self.remove_now(&stored.blob)?;
        }
        Ok(None)
    }

    /// Takes away what crashes and abandoned transfers left behind.
    pub fn sweep(&self, now: Timestamp, dry_run: bool) -> Result<Swept, BlobError> {
        let _change = self.change()?;
        let mut swept = Swept::default();
        for (path, bytes) in self.abandoned(now)?.into_iter().chain(self.stray(now)?) {
            if !dry_run {
                fs::remove_file(&path).map_err(BlobError::io(&path))?;
            }
            swept.files += 1;
            swept.bytes += bytes;
        }
        Ok(swept)
    }

    /// What lies in the other folders and belongs to no blob. The caller holds the
    /// folder's lock, under which all but the scrub's state is written.
    fn stray(&self, now: Timestamp) -> Result<Vec<(PathBuf, u64)>, BlobError> {
        let names = self.names()?;
        let is_gone = |name: Option<Sha512>| name.is_none_or(|name| !names.contains(&name));
        let mut found = Vec::new();
        let mut look = |folder: &Path, is_stray: &dyn Fn(&Path, &Metadata) -> bool| {
            let stray = files(folder)?.into_iter().filter(|(path, file)| is_stray(path, file));
            found.extend(stray.map(|(path, file)| (path, disk_bytes(&file))));
            Ok::<_, BlobError>(())
        };
        for folder in self.digit_folders()? {
            let is_pieces = |path: &Path| path.extension().is_some_and(|ending| ending == PIECES);
            look(&folder, &|path, _| is_copy(path) || is_pieces(path) && is_gone(named(path)))?;
        }
        look(&self.sha1_folder(), &|path, _| {
            let leads_to = fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
            is_copy(path) || is_gone(leads_to)
        })?;
        look(&self.root.join("used"), &|path, _| is_gone(named(path)))?;
        // A sound one has come.
        look(&self.damaged_folder(), &|path, _| {
            damaged_name(path).is_some_and(|(sha512, _)| !is_gone(Some(sha512)))
        })?;
        look(&self.root, &|path, file| {
            let written = file.modified().map_or(now, Timestamp::from);
            is_copy(path) && now.since(written) > CUT_OFF
        })?;
        Ok(found)
    }

    /// Partial files, with what lies beside them, that nobody has and nobody went on
    /// with for long.
    fn abandoned(&self, now: Timestamp) -> Result<Vec<(PathBuf, u64)>, BlobError> {
        let all = files(&self.partial_folder())?;
        let touched = |path: &Path| -> Timestamp {
            let same = all.iter().filter(|(other, _)| other.file_stem() == path.file_stem());
            let times = same.filter_map(|(_, metadata)| metadata.modified().ok());
            times.map(Timestamp::from).max().unwrap_or(now)
        };
        let is_abandoned = |path: &Path| {
            let transfer = path.with_extension("");
            let cannot_go_on = is_copy(path) || !transfer.exists();
            let patience = if cannot_go_on { CUT_OFF } else { ABANDONED };
            now.since(touched(path)) > patience && !is_locked(path) && !is_locked(&transfer)
        };
        let found = all.iter().filter(|(path, _)| is_abandoned(path));
        Ok(found.map(|(path, metadata)| (path.clone(), disk_bytes(metadata))).collect())
    }
}

/// The blob that a file is named by, whatever its ending.
fn named(path: &Path) -> Option<Sha512> {
    path.file_stem()?.to_str()?.parse().ok()
}

/// True for a file that was to get its name when it is whole: nobody can go on with it.
fn is_copy(path: &Path) -> bool {
    path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.starts_with(".tmp"))
}

/// The names in that of a damaged file: its SHA-512, and its SHA-1 when it was known.
pub(super) fn damaged_name(path: &Path) -> Option<(Sha512, Option<Sha1>)> {
    let name = path.file_name()?.to_str()?;
    let (sha512, sha1) = name.split_once('.').unwrap_or((name, ""));
    Some((sha512.parse().ok()?, sha1.parse().ok()))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    const KB: u64 = 1000;

    /// Blobs of 100 kB or a little more on the disk, the first of them unused for longest.
    fn store(folder: &Path, count: u8) -> (Blobs, Vec<Blob>) {
        let blobs = Blobs::open(&folder.join("blobs")).unwrap();
        let mut added = Vec::new();
        for n in 1..=count {
            let source = folder.join("source");
            fs::write(&source, vec![n; 100_000]).unwrap();
            let blob = blobs.add(&source, None, |_| {}).unwrap();
            set_used(&blobs, &blob, u64::from(n));
            added.push(blob);
        }
        (blobs, added)
    }

    fn set_used(blobs: &Blobs, blob: &Blob, seconds: u64) {
        blobs.mark_used(&blob.sha512);
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        for path in [blobs.path(&blob.sha512), blobs.used_path(&blob.sha512)] {
            set_time(&path, time);
        }
    }

    fn set_time(path: &Path, time: SystemTime) {
        File::open(path).unwrap().set_modified(time).unwrap();
    }

    fn plan(blobs: &Blobs, quota: u64, named: &[Blob]) -> Plan {
        blobs.plan(Some(quota), 0, |blob| Ok::<_, BlobError>(named.contains(blob))).unwrap()
    }

    fn evict(blobs: &Blobs, plan: &Plan) -> Evicted {
        blobs.evict(plan, false, |_| Ok::<_, BlobError>(None)).unwrap()
    }

    fn names(stored: &[Stored]) -> Vec<Blob> {
        stored.iter().map(|stored| stored.blob).collect()
    }

    #[test]
    fn the_least_recently_used_goes_first_and_only_as_much_as_has_to() {
        let folder = tempfile::tempdir().unwrap();
        let (blobs, added) = store(folder.path(), 5);
        // The oldest is wanted again.
        drop(blobs.read(&added[0].sha512).unwrap());
        let plan = plan(&blobs, 350 * KB, &[]);
        let evicted = evict(&blobs, &plan);
        assert_eq!(names(&evicted.removed), added[1..3]);
        let mut left = vec![added[0], added[3], added[4]];
        left.sort_unstable();
        assert_eq!(blobs.list().unwrap(), left);
        assert!(blobs.usage().unwrap().total() <= 350 * KB);
    }

    #[test]
    fn without_excess_nothing_goes() {
        let folder = tempfile::tempdir().unwrap();
        let (blobs, _) = store(folder.path(), 2);
        assert_eq!(plan(&blobs, 10_000 * KB, &[]).evictable, []);
        let all = |_: &Blob| Ok::<_, BlobError>(false);
        assert_eq!(blobs.plan(None, 1 << 60, all).unwrap().evictable, []);
        // Room that is to be made counts like images that are here.
        assert_eq!(blobs.plan(Some(10_000 * KB), 9_900 * KB, all).unwrap().evictable.len(), 2);
    }

    #[test]
    fn what_is_named_pinned_read_or_used_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (blobs, added) = store(folder.path(), 6);
        blobs.pin(&added[1].sha512).unwrap();
        let plan = plan(&blobs, 0, &added[..1]);
        assert_eq!(names(&plan.evictable), added[2..]);
        let reader = blobs.read(&added[2].sha512).unwrap();
        set_used(&blobs, &added[2], 3);
        set_used(&blobs, &added[3], 100);
        blobs.pin(&added[4].sha512).unwrap();
        let evicted = evict(&blobs, &plan);
        assert_eq!(names(&evicted.removed), added[5..]);
        let kept: Vec<Kept> = evicted.kept.iter().map(|(_, kept)| *kept).collect();
        assert_eq!(kept, [Kept::InUse, Kept::InUse, Kept::Pinned]);
        drop(reader);
        blobs.unpin(&added[4].sha512).unwrap();
        assert_eq!(names(&evict(&blobs, &plan).removed), [added[2], added[4], added[5]]);
    }

    #[test]
    fn a_dry_run_and_reasons_to_stay_take_nothing_away() {
        let folder = tempfile::tempdir().unwrap();
        let (blobs, added) = store(folder.path(), 2);
        let plan = plan(&blobs, 0, &[]);
        let dry = blobs.evict(&plan, true, |_| Ok::<_, BlobError>(None)).unwrap();
        assert_eq!(names(&dry.removed), added);
        let last = |_: &Blob| Ok::<_, BlobError>(Some(Kept::LastCopy));
        let evicted = blobs.evict(&plan, false, last).unwrap();
        assert_eq!(evicted.removed, []);
        assert_eq!(blobs.list().unwrap().len(), 2);
    }

    #[test]
    fn pins_last_and_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        let (blobs, added) = store(folder.path(), 1);
        blobs.pin(&added[0].sha512).unwrap();
        let again = Blobs::open(&folder.path().join("blobs")).unwrap();
        assert!(again.stored().unwrap()[0].pinned);
        assert_eq!(again.pins().unwrap(), [added[0].sha512].into());
        assert!(again.unpin(&added[0].sha512).unwrap());
        assert!(!again.unpin(&added[0].sha512).unwrap());
        assert!(!blobs.stored().unwrap()[0].pinned);
    }

    #[test]
    fn leftovers_go_when_nobody_has_them_and_their_time_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let (blobs, added) = store(folder.path(), 1);
        let now = SystemTime::now();
        let days = |days: u64| now - Duration::from_secs(days * 24 * 3600);
        let partial = blobs.partial_folder();
        let put = |name: &str, age: u64| {
            let path = partial.join(name);
            fs::write(&path, [1; 10]).unwrap();
            set_time(&path, days(age));
            path
        };
        let gone = [put("old", 31), put("old.map", 40), put("lost.map", 2), put(".tmpA", 1)];
        let stays = [
            put("going-on", 40),
            put("going-on.map", 3),
            put("locked", 40),
            put("locked.map", 40),
            put("young", 29),
            put(".tmpB", 0),
        ];
        let locked = File::open(&stays[2]).unwrap();
        locked.lock().unwrap();
        let unused = blobs.root.join("used").join("0".repeat(128));
        fs::write(&unused, "").unwrap();
        let damaged = blobs.damaged_folder().join(added[0].sha512.to_string());
        fs::write(&damaged, "rotten").unwrap();
        let of_blob = blobs.path(&added[0].sha512).parent().unwrap().to_owned();
        let stray = [
            of_blob.join(".tmpC"),
            of_blob.join(format!("{}.pieces", "0".repeat(128))),
            blobs.sha1_folder().join(".tmpD"),
            blobs.sha1_folder().join("0".repeat(40)),
            blobs.root.join(".tmpE"),
        ];
        for path in &stray {
            fs::write(path, "0".repeat(128)).unwrap();
        }
        set_time(&stray[4], days(1));
        let scrubbing = blobs.root.join(".tmpF");
        fs::write(&scrubbing, "").unwrap();

        let dry = blobs.sweep(now.into(), true).unwrap();
        assert!(gone.iter().all(|path| path.exists()));
        assert_eq!(blobs.sweep(now.into(), false).unwrap(), dry);
        assert_eq!(dry.files, 11);
        for path in gone.iter().chain([&unused, &damaged]).chain(&stray) {
            assert!(!path.exists(), "{} is still there", path.display());
        }
        for path in stays.iter().chain([&scrubbing]) {
            assert!(path.exists(), "{} is gone", path.display());
        }
        assert_eq!(blobs.list().unwrap(), added);
        assert!(blobs.pieces(&added[0].sha512).is_some());
    }
}
