//! A closed federation: who belongs to it comes in, and nobody else.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod site;

use site::{Endorser, Site, wait_for};

fn join(site: &mut Site, ticket: &str) {
    let run = site.run(&["join", ticket.trim()]);
    assert_eq!(run.code, 0, "{run:?}");
}

#[test]
fn members_let_others_in_and_take_it_back_and_a_stranger_gets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::new(folder.path());
    let mut cern = Site::with(folder.path(), "cern", &endorser, &["--closed"]);
    let [mut orsay, mut athens, mut stranger] =
        ["orsay", "athens", "stranger"].map(|name| Site::new(folder.path(), name, &endorser));
    cern.start();
    let (manifest, image) = endorser.publishable(folder.path(), "disk", b"an image");
    assert_eq!(cern.run(&["publish", &manifest, "--image", &image]).code, 0);

    let ticket = cern.await_output(&["invite", "--for", &orsay.peer]);
    join(&mut orsay, &ticket);
    orsay.start();
    wait_for("orsay comes in", || orsay.connected() == [cern.peer.clone()]);
    assert_eq!(orsay.status()["membership"]["member"], true);

    // The founder has never heard of athens: orsay lets it in, for ten days.
    let ticket = orsay.await_output(&["invite", "--for", &athens.peer, "--days", "10"]);
    join(&mut athens, &ticket);
    athens.start();
    wait_for("athens meets both", || athens.connected().len() == 2);
    wait_for("the entry", || athens.entries() == 1);

    let invited = cern.run(&["invite"]);
    assert!(invited.error.contains("closed"), "{invited:?}");
    join(&mut stranger, &invited.output);
    stranger.start();
    wait_for("the stranger knocks", || cern.log().contains(&stranger.peer));
    wait_for("it is told so", || stranger.log().contains("not let in"));
    assert!(stranger.connected().is_empty() && stranger.entries() == 0);
    let members = cern.run(&["peers", "members"]).output;
    assert!(members.contains(&athens.peer) && !members.contains(&stranger.peer), "{members}");

    // Whoever let it in does not matter: a founder ends it, everywhere and at once.
    assert_eq!(cern.run(&["peers", "revoke", &athens.peer]).code, 0);
    let expected = [cern.peer.clone()];
    wait_for("athens is out", || orsay.connected() == expected && athens.connected().is_empty());
    athens.stop();
    athens.start();
    wait_for("athens is told so", || athens.log().contains("not let in"));

    let ticket = cern.await_output(&["invite", "--for", &athens.peer]);
    join(&mut athens, &ticket);
    wait_for("athens is back", || athens.connected().len() == 2);
}

#[test]
fn a_site_lets_in_whom_it_wants_whatever_the_federation_says() {
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::new(folder.path());
    let mut cern = Site::with(folder.path(), "cern", &endorser, &["--closed"]);
    let mut guest = Site::new(folder.path(), "guest", &endorser);
    cern.start();
    let ticket = cern.await_output(&["invite"]);
    join(&mut guest, &ticket);
    // The guest's own door: it lets cern in as the founder of its ticket.
    guest.start();
    wait_for("the guest is told so", || guest.log().contains("not let in"));
    assert_eq!(cern.run(&["peers", "allow", &guest.peer]).code, 0);
    wait_for("the guest comes in", || cern.connected() == [guest.peer.clone()]);
    assert_eq!(cern.run(&["peers", "block", &guest.peer]).code, 0);
    wait_for("the guest is out", || cern.connected().is_empty());
    let refused = guest.run(&["invite", "--for", &cern.peer]);
    assert!(refused.code == 1 && refused.error.contains("no member"), "{refused:?}");
}
