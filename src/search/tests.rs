use std::collections::BTreeSet;

use super::*;
use crate::engine::timeline::Status;
use crate::model::{ContentId, EntryKey, Identifier, Sha1, Sha256, Timestamp};

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

fn entry(n: u32, change: impl FnOnce(&mut Summary)) -> Summary {
    let mut sha1 = [0; 20];
    sha1[..4].copy_from_slice(&n.to_be_bytes());
    let mut entry = Summary {
        content_id: ContentId::from_bytes(*Sha256::of(&n.to_be_bytes()).as_bytes()),
        key: EntryKey {
            identifier: Identifier::from_sha1(Sha1::from_bytes(sha1)),
            email: "jane.tester@example.org".parse().unwrap(),
            created: Timestamp::from_seconds(i64::from(n)),
        },
        standing: Status::Current,
        is_latest: true,
        first_seen: NOW,
        from: None,
        subject: "CN=Jane".into(),
        issuers: vec!["CN=CA".into()],
        valid: None,
        deprecated: None,
        title: None,
        description: None,
        tag: None,
        os: None,
        os_version: None,
        os_arch: None,
        kind: None,
        format: None,
        locations: Vec::new(),
        bytes: 1,
        sha512: None,
        listed_bytes: 1,
    };
    change(&mut entry);
    entry
}

struct Shelf {
    folder: tempfile::TempDir,
    index: Index,
}

impl Shelf {
    fn with(entries: &[Summary]) -> Shelf {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(folder.path()).unwrap();
        let shelf = Shelf { folder, index };
        shelf.put(entries, 1);
        shelf
    }

    fn put(&self, entries: &[Summary], seen: u64) {
        let update = self.index.update().unwrap();
        entries.iter().for_each(|entry| update.put(entry).unwrap());
        update.commit(ChangeNumber::new(seen)).unwrap();
    }

    fn find(&self, search: &Search) -> Found {
        self.index.snapshot().search(search, None, 100, NOW).unwrap()
    }

    /// The dates of what is found, in order: they name the entries of these tests.
    fn words(&self, words: &str) -> Vec<i64> {
        dates(&self.find(&Search { words: words.into(), ..Search::default() }).page)
    }
}

fn dates(entries: &[Summary]) -> Vec<i64> {
    entries.iter().map(|entry| entry.key.created.seconds()).collect()
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn every_word_must_be_there_and_titles_come_before_descriptions() {
    let shelf = Shelf::with(&[
        entry(1, |entry| entry.title = text("Debian for physics")),
        entry(2, |entry| entry.description = text("A small DEBIAN, with Geant4.")),
        entry(3, |entry| entry.os = text("debian")),
        entry(4, |entry| entry.tag = text("débian-12")),
        entry(5, |entry| entry.title = text("Debianites")),
        entry(6, |entry| entry.title = text("Ubuntu")),
    ]);
    // Title or tag, then what begins so, as far as the system; descriptions last.
    assert_eq!(shelf.words("Debian"), [4, 1, 5, 3, 2]);
    assert_eq!(shelf.words("debian geant"), [2]);
    assert_eq!(shelf.words("debian nothing"), [0; 0]);
    // The newest endorsement first, where no word tells entries apart.
    assert_eq!(shelf.words(""), [6, 5, 4, 3, 2, 1]);
    assert_eq!(shelf.words("jane example.org"), [6, 5, 4, 3, 2, 1]);
    let identifier = entry(2, |_| {}).key.identifier.to_string();
    assert!(shelf.words(&identifier).contains(&2));
    assert_eq!(shelf.words("  - ' ( AND \" * ~ "), [0; 0], "`AND` is a word like any other");
}

#[test]
fn filters_and_counts_do_not_look_at_case() {
    let system = |n, os: &str, arch: &str| {
        entry(n, |entry| (entry.os, entry.os_arch) = (text(os), text(arch)))
    };
    let shelf = Shelf::with(&[
        system(1, "CentOS", "x86_64"),
        system(2, "centos", "i686"),
        system(3, "CentOS", "x86_64"),
        system(4, "Debian", "x86_64"),
    ]);
    let found = shelf.find(&Search { os: text("centOS"), ..Search::default() });
    assert_eq!(dates(&found.page), [3, 2, 1]);
    assert_eq!(found.total, 3);
    let counts = |facet| found.counts.iter().find(|(other, _)| *other == facet).unwrap().1.clone();
    assert_eq!(counts(Facet::Os), [("CentOS".into(), 3)]);
    assert_eq!(counts(Facet::Arch), [("x86_64".into(), 2), ("i686".into(), 1)]);
    assert_eq!(counts(Facet::Endorser), [("jane.tester@example.org".into(), 3)]);
    assert_eq!(counts(Facet::Kind), []);
    let both = Search { os: text("centos"), arch: text("I686"), ..Search::default() };
    assert_eq!(dates(&shelf.find(&both).page), [2]);
}

#[test]
fn statuses_are_told_apart_and_time_passes_without_an_update() {
    let shelf = Shelf::with(&[
        entry(1, |entry| entry.valid = Some(NOW)),
        entry(2, |entry| entry.standing = Status::Deprecated),
        entry(3, |entry| entry.standing = Status::Superseded),
        entry(4, |entry| entry.standing = Status::Withdrawn),
        entry(5, |_| {}),
    ]);
    let of = |status, now| {
        let search = Search { status: Some(status), ..Search::default() };
        let found = shelf.index.snapshot().search(&search, None, 100, now).unwrap();
        assert!(found.page.iter().all(|entry| entry.status(now) == status));
        dates(&found.page)
    };
    assert_eq!(of(Status::Current, NOW), [5, 1]);
    assert_eq!(of(Status::Expired, NOW), [0; 0]);
    let later = Timestamp::from_seconds(NOW.seconds() + 1);
    assert_eq!(of(Status::Current, later), [5]);
    assert_eq!(of(Status::Expired, later), [1]);
    assert_eq!(of(Status::Deprecated, NOW), [2]);
    assert_eq!(of(Status::Superseded, NOW), [3]);
    assert_eq!(of(Status::Withdrawn, NOW), [4]);
}

#[test]
fn pages_show_everything_once_whatever_comes_between() {
    let titled = |n: u32| {
        // Of the same fitness, some of the same date.
        entry(n, |entry| {
            entry.title = text(if n.is_multiple_of(3) { "alpha beta" } else { "alpha" });
            entry.key.created = Timestamp::from_seconds(i64::from(n / 4));
        })
    };
    let before: Vec<Summary> = (0..100).map(|n| titled(n * 2)).collect();
    let shelf = Shelf::with(&before);
    let search = Search { words: "alpha".into(), ..Search::default() };
    let (mut shown, mut after) = (Vec::new(), None);
    for page in 0.. {
        let found = shelf.index.snapshot().search(&search, after, 7, NOW).unwrap();
        assert_eq!(found.total, 100 + page);
        shown.extend(found.page.iter().map(|entry| entry.content_id));
        // The place of a page as programs carry it.
        after = found.next.map(|next| next.to_string().parse().unwrap());
        if after.is_none() {
            break;
        }
        shelf.put(&[titled(u32::try_from(page).unwrap() * 10 + 1)], page + 2);
    }
    let once: BTreeSet<ContentId> = shown.iter().copied().collect();
    assert_eq!(once.len(), shown.len(), "nothing twice");
    assert!(before.iter().all(|entry| once.contains(&entry.content_id)), "nothing passed over");
    for bad in ["", "x", "AAAA", "****"] {
        assert_eq!(bad.parse::<Rank>(), Err(BadRank));
    }
}

#[test]
fn an_update_replaces_and_is_there_after_a_restart() {
    let shelf = Shelf::with(&[entry(1, |entry| entry.title = text("old")), entry(2, |_| {})]);
    shelf.put(&[entry(1, |entry| entry.title = text("new"))], 2);
    assert_eq!(shelf.words("old"), [0; 0]);
    assert_eq!(shelf.words("new"), [1]);
    let Shelf { folder, index } = shelf;
    drop(index);

    let index = Index::open(folder.path()).unwrap();
    assert_eq!((index.seen(), index.snapshot().len()), (ChangeNumber::new(2), 2));
    // What is not committed is not there.
    index.update().unwrap().put(&entry(3, |_| {})).unwrap();
    assert_eq!(index.snapshot().len(), 2);
    index.clear().unwrap();
    assert_eq!((index.seen(), index.snapshot().len()), (ChangeNumber::NONE, 0));
}

#[test]
fn a_damaged_index_is_made_anew() {
    let Shelf { folder, index } = Shelf::with(&[entry(1, |_| {})]);
    drop(index);
    fs::write(folder.path().join("meta.json"), "{").unwrap();
    let index = Index::open(folder.path()).unwrap();
    assert_eq!((index.seen(), index.snapshot().len()), (ChangeNumber::NONE, 0));
    let update = index.update().unwrap();
    update.put(&entry(1, |_| {})).unwrap();
    update.commit(ChangeNumber::new(1)).unwrap();
    assert_eq!(index.snapshot().len(), 1);
}

#[test]
fn rows_are_those_of_an_image_an_endorser_or_all() {
    let shelf = Shelf::with(&[
        entry(1, |_| {}),
        entry(2, |entry| entry.key.email = "john@example.org".parse().unwrap()),
        entry(3, |entry| (entry.standing, entry.is_latest) = (Status::Superseded, false)),
    ]);
    let snapshot = shelf.index.snapshot();
    let rows = |search: Search| {
        let mut shown = Vec::new();
        snapshot
            .rows(&search, |at, entry| {
                assert_eq!(snapshot.row(at).unwrap(), entry);
                shown.push(entry.key.created.seconds());
            })
            .unwrap();
        shown.sort_unstable();
        shown
    };
    assert_eq!(rows(Search::default()), [1, 2, 3]);
    let john = "john@example.org".parse().unwrap();
    assert_eq!(rows(Search { endorser: Some(john), ..Search::default() }), [2]);
    let EntryKey { identifier, email, .. } = entry(3, |_| {}).key;
    assert_eq!(rows(Search { identifier: Some(identifier), ..Search::default() }), [3]);
    assert_eq!(snapshot.standing(&identifier, &email).unwrap(), []);
    let EntryKey { identifier, email, .. } = entry(1, |_| {}).key;
    assert_eq!(snapshot.standing(&identifier, &email).unwrap(), [entry(1, |_| {}).content_id]);
}
