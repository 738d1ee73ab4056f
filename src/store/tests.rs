use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::*;
use crate::model::{ChangeNumber, ContentId, EntryKey, Identifier, Sha1, Sha256, Timestamp};
use crate::wire::{EntryRecord, Fate, RefusalRecord};

const RULES: Sha256 = Sha256::from_bytes([1; 32]);

fn key(n: u32) -> EntryKey {
    let mut sha1 = [0; 20];
    sha1[..4].copy_from_slice(&n.to_be_bytes());
    EntryKey {
        identifier: Identifier::from_sha1(Sha1::from_bytes(sha1)),
        email: "a@b.org".parse().unwrap(),
        created: Timestamp::from_seconds(i64::from(n)),
    }
}

fn id(n: u32) -> ContentId {
    ContentId::from_bytes(*Sha256::of(&n.to_be_bytes()).as_bytes())
}

fn entry(n: u32) -> Write {
    let record = EntryRecord {
        key: key(n),
        first_seen: Timestamp::from_seconds(0),
        from: None,
        deprecated: false,
        fate: Fate::Admitted,
        rules: RULES,
    };
    Write::Entry(id(n), record, Arc::from(vec![n as u8; 5000]))
}

fn refusal(n: u32) -> Write {
    let record = RefusalRecord {
        key: key(n),
        rule: "endorsers.blacklist".into(),
        reason: "because".into(),
        untrusted: false,
        rules: RULES,
        last_offered: Timestamp::from_seconds(0),
    };
    Write::Refusal(id(n), record)
}

#[test]
fn what_is_written_is_read_and_the_indexes_follow() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.write(&[entry(2), entry(1), refusal(3)]).unwrap();
    let known: Vec<(ContentId, Kind)> =
        store.known().unwrap().into_iter().map(|row| (row.id, row.kind)).collect();
    assert_eq!(known, [(id(1), Kind::Admitted), (id(2), Kind::Admitted), (id(3), Kind::Refused)]);
    assert_eq!(store.timeline(&key(1).identifier).unwrap().len(), 1);

    let fate = Fate::Withdrawn { rule: "r".into(), reason: "s".into() };
    store.write(&[Write::Fate(id(1), fate.clone(), RULES), Write::ForgetRefusals]).unwrap();
    assert_eq!(store.entry(&id(1)).unwrap().unwrap().fate, fate);
    assert_eq!(store.refusal(&id(3)).unwrap(), None);
    assert_eq!(store.known().unwrap().len(), 2);
    assert_eq!(store.check(|_| Ok(())).unwrap().faults, Vec::<String>::new());
}

fn changes(store: &Store, after: u64) -> Vec<(u64, ContentId)> {
    let changes = store.changes(ChangeNumber::new(after));
    changes.map(|change| change.map(|(number, id)| (number.get(), id)).unwrap()).collect()
}

#[test]
fn who_follows_hears_of_every_entry_and_fate_once_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(changes(&store, 0), []);
    store.write(&[entry(1), refusal(3), entry(2)]).unwrap();
    let fate = Fate::Withdrawn { rule: "r".into(), reason: "s".into() };
    store.write(&[Write::Fate(id(1), fate.clone(), RULES)]).unwrap();
    let all = [(1, id(1)), (2, id(2)), (3, id(1))];
    assert_eq!(changes(&store, 0), all);
    assert_eq!(changes(&store, 2), all[2..]);
    assert_eq!(changes(&store, 3), []);
    drop(store);

    let store = Store::open(folder.path()).unwrap();
    assert_eq!(changes(&store, 0), all);
    // As it was before changes were noted.
    store.trees.change.clear().unwrap();
    assert_eq!(store.check(|_| Ok(())).unwrap().faults.len(), 1);
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    let again: BTreeSet<ContentId> = changes(&store, 0).into_iter().map(|(_, id)| id).collect();
    assert_eq!(again, BTreeSet::from([id(1), id(2)]));
    // One that is missing comes back by a rebuild.
    store.trees.change.remove(1u64.to_be_bytes()).unwrap();
    store.rebuild().unwrap();
    assert_eq!(changes(&store, 2).len(), 1);
    assert_eq!(store.check(|_| Ok(())).unwrap().faults, Vec::<String>::new());
}

#[test]
fn nothing_is_written_while_somebody_keeps_what_he_reads() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    std::thread::scope(|scope| {
        let (writes, begun) = std::sync::mpsc::channel();
        store.at_rest(|| {
            let store = &store;
            scope.spawn(move || {
                writes.send(()).unwrap();
                store.write(&[entry(1)]).unwrap();
            });
            begun.recv().unwrap();
            // As often as a write would need to be seen.
            for _ in 0..20_000 {
                assert_eq!(store.entry(&id(1)).unwrap(), None);
            }
        });
    });
    assert!(store.entry(&id(1)).unwrap().is_some());
}

#[test]
fn entries_are_found_by_the_parts_of_their_keys() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let as_key = |write: Write, email: &str, created: i64| match write {
        Write::Entry(id, record, document) => {
            let created = Timestamp::from_seconds(created);
            let key = EntryKey { created, email: email.parse().unwrap(), ..key(1) };
            Write::Entry(id, EntryRecord { key, ..record }, document)
        }
        other => other,
    };
    let (twice, later) = (as_key(entry(3), "a@b.org", 1), as_key(entry(4), "a@b.org", 7));
    let longer = as_key(entry(5), "a@b.org.example", 9);
    store.write(&[entry(1), entry(2), twice, later, longer]).unwrap();
    let mut both = [id(1), id(3)];
    both.sort_unstable();
    assert_eq!(store.under(&key(1)).unwrap(), both);
    assert_eq!(store.under(&key(9)).unwrap(), []);
    let latest = |email: &str| store.latest(&key(1).identifier, &email.parse().unwrap()).unwrap();
    assert_eq!(latest("a@b.org"), Some(Timestamp::from_seconds(7)));
    assert_eq!(latest("a@b.org.example"), Some(Timestamp::from_seconds(9)));
    assert_eq!(latest("a@b.or"), None);
    let ids = |image: Option<Identifier>| -> Vec<ContentId> {
        store.keys(image.as_ref()).map(|row| row.unwrap().1).collect()
    };
    assert_eq!(ids(Some(key(1).identifier)), [both[0], both[1], id(4), id(5)]);
    assert_eq!(ids(None).len(), 5);
}

#[test]
fn refusals_of_the_same_batch_are_forgotten_too_unless_they_come_later() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.write(&[refusal(1), Write::ForgetRefusals, refusal(2)]).unwrap();
    assert_eq!(store.refusal(&id(1)).unwrap(), None);
    assert!(store.refusal(&id(2)).unwrap().is_some());
    assert_eq!(store.known().unwrap().len(), 1);
}

#[test]
fn a_refusal_never_replaces_an_entry_and_an_entry_replaces_a_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.write(&[refusal(1)]).unwrap();
    store.write(&[entry(1)]).unwrap();
    store.write(&[refusal(1)]).unwrap();
    assert_eq!(store.refusal(&id(1)).unwrap(), None);
    assert_eq!(store.known().unwrap()[0].kind, Kind::Admitted);
    assert_eq!(store.check(|_| Ok(())).unwrap().faults, Vec::<String>::new());
}

#[test]
fn a_damaged_index_is_found_and_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.write(&[entry(1), entry(2), refusal(3)]).unwrap();
    store.trees.by_image.clear().unwrap();
    let report = store.check(|_| Ok(())).unwrap();
    assert!(report.faults.iter().any(|fault| fault.contains("by-image:1")), "{report:?}");
    store.rebuild().unwrap();
    assert_eq!(store.check(|_| Ok(())).unwrap().faults, Vec::<String>::new());
    assert_eq!(store.timeline(&key(2).identifier).unwrap().len(), 1);
}

#[test]
fn a_second_process_is_told_that_the_store_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let _store = Store::open(folder.path()).unwrap();
    let error = Store::open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
}

#[test]
fn a_store_of_another_version_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    drop(sled::open(folder.path()).unwrap().open_tree("entry:1").unwrap());
    let error = Store::open(folder.path()).unwrap_err();
    assert!(matches!(&error, OpenError::OtherVersion { tree, .. } if tree == "entry:1"), "{error}");
}

#[test]
fn damage_is_an_error_or_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let original = folder.path().join("original");
    let count = 40;
    {
        let store = Store::open(&original).unwrap();
        for n in 0..count {
            store.write(&[entry(n)]).unwrap();
        }
    }
    let db = std::fs::read(original.join("db")).unwrap();
    let step = db.len() / 24;
    for case in 0..48 {
        let damaged = folder.path().join(format!("damaged-{case}"));
        copy(&original, &damaged);
        let mut octets = db.clone();
        let at = (case / 2) * step;
        if case % 2 == 0 {
            octets[at] ^= 0x55;
        } else {
            octets.truncate(at);
        }
        std::fs::write(damaged.join("db"), octets).unwrap();
        // Either the damage is noticed, at opening or in a check, or it hit
        // nothing that was written.
        let noticed = match Store::open(&damaged) {
            Err(OpenError::Damaged { .. }) => true,
            Err(error) => panic!("case {case}: {error}"),
            Ok(store) => std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let report = store.check(|_| Ok(())).map(|report| report.faults.is_empty());
                !report.unwrap_or(false) || store.counts().unwrap().entries != count as usize
            }))
            .unwrap_or(true),
        };
        let lost = !noticed && {
            let store = Store::open(&damaged);
            store.is_ok_and(|store| (0..count).any(|n| store.entry(&id(n)).unwrap().is_none()))
        };
        assert!(!lost, "case {case}: entries are gone without a word");
        assert!(damaged.join("db").exists());
    }
}

#[test]
fn a_log_that_lost_its_end_is_noticed_at_opening() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    {
        Store::open(&new).unwrap().write(&[entry(1)]).unwrap();
    }
    copy(&new, &old);
    {
        Store::open(&new).unwrap().write(&[entry(2)]).unwrap();
    }
    // The database of before with the counter of after.
    std::fs::copy(new.join("generation"), old.join("generation")).unwrap();
    let error = Store::open(&old).unwrap_err().to_string();
    assert!(error.contains("the last 1 of 2 writes"), "{error}");
}

#[test]
fn a_rebuilt_store_opens_again() {
    let folder = tempfile::tempdir().unwrap();
    {
        let store = Store::open(folder.path()).unwrap();
        store.write(&[entry(1)]).unwrap();
        store.rebuild().unwrap();
    }
    assert_eq!(Store::open(folder.path()).unwrap().known().unwrap().len(), 1);
}

/// The documents of entries 2 and 3 are there, the record of 2, and no row of the index.
fn leave_half_done(store: &Store) {
    let documents = [2, 3, 4].map(|n| rows::document(key(n).created, id(n)));
    let under_way = rows::under_way(2, documents.into_iter());
    store.trees.meta.insert(trees::meta::UNDER_WAY, under_way).unwrap();
    for document in &documents[..2] {
        store.trees.document.insert(document, vec![1; 5000]).unwrap();
    }
    let Write::Entry(id, record, _) = entry(2) else { panic!() };
    store.trees.entry.insert(id.as_bytes(), crate::wire::encode(&record)).unwrap();
}

#[test]
fn what_the_disk_refused_half_way_is_finished_with_the_next_write() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.write(&[entry(1)]).unwrap();
    leave_half_done(&store);
    store.write(&[entry(5)]).unwrap();
    let report = store.check(|_| Ok(())).unwrap();
    assert_eq!((report.entries, report.faults), (3, Vec::new()));
    assert_eq!(store.timeline(&key(2).identifier).unwrap().len(), 1);
}

#[test]
fn what_a_crash_left_half_done_is_finished_at_opening() {
    let folder = tempfile::tempdir().unwrap();
    {
        let store = Store::open(folder.path()).unwrap();
        store.write(&[entry(1)]).unwrap();
        leave_half_done(&store);
        store.db.flush().unwrap();
    }
    let store = Store::open(folder.path()).unwrap();
    let report = store.check(|_| Ok(())).unwrap();
    assert_eq!((report.entries, report.faults), (2, Vec::new()));
    assert_eq!(store.known().unwrap().len(), 2);
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        if file.file_type().unwrap().is_dir() {
            copy(&file.path(), &to.join(file.file_name()));
        } else {
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

/// Set in the child process of the next test: the folder to write to.
const CHILD: &str = "SUQ_TEST_STORE_CHILD";

#[test]
fn what_was_acknowledged_survives_sigkill() {
    if let Ok(folder) = std::env::var(CHILD) {
        let store = Store::open(std::path::Path::new(&folder)).unwrap();
        let mut out = std::io::stdout();
        for n in 0.. {
            store.write(&[entry(n)]).unwrap();
            // One line for each write that is durable.
            writeln!(out, "acknowledged {n}").unwrap();
            out.flush().unwrap();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let name = "store::tests::what_was_acknowledged_survives_sigkill";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(CHILD, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let acknowledged = |line: String| line.strip_prefix("acknowledged ")?.parse::<u32>().ok();
    let last = lines.map_while(Result::ok).filter_map(acknowledged).find(|n| *n >= 50).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let store = Store::open(folder.path()).unwrap();
    for n in 0..=last {
        assert!(store.entry(&id(n)).unwrap().is_some(), "{n} of {last} is gone");
    }
}
