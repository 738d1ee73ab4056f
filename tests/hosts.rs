//! Sites on hosts of their own, far from each other.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod site;
mod wire;

use std::fs;
use std::path::Path;
use std::time::Duration;

use site::{Endorser, Site, identifier_of, skip, suq, wait_for};
use wire::{Distance, Host, Wire};

/// Across Europe, on a bad day.
const FAR: Distance = Distance { delay: Duration::from_millis(25), lost: 10 };

/// Some hosts; none, with a word, where the machine makes none.
fn hosts(names: &[&str]) -> Option<Vec<Host>> {
    let hosts: Option<Vec<Host>> = names.iter().map(|name| Host::new(name)).collect();
    if hosts.is_none() {
        skip("no network namespaces can be made here (root and `ip` are needed)");
    }
    hosts
}

/// The wire between hosts; none, with a word, where the machine has no such devices.
fn wire(hosts: &[(&Host, &str)]) -> Option<Wire> {
    Wire::new(hosts, FAR).inspect_err(|why| skip(&format!("no wire between hosts: {why}"))).ok()
}

/// A site on a host, with some lines for the `[network]` of its settings.
fn site(folder: &Path, name: &str, endorser: &Endorser, host: &Host, network: &str) -> Site {
    let mut site = Site::new(folder, name, endorser);
    let settings = site.home.join("suq.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let text = text.replace("listen = [\"/ip4/127.0.0.1/tcp/0\"]", network);
    fs::write(&settings, text).unwrap();
    site.host = Some(host.name.clone());
    site
}

fn at(address: &str) -> String {
    format!("listen = [\"/ip4/{address}/tcp/8082\"]")
}

fn join(site: &Site, ticket: &str) {
    let run = site.run(&["join", ticket.trim()]);
    assert_eq!(run.code, 0, "{run:?}");
}

#[test]
fn a_site_that_was_cut_off_learns_what_it_missed() {
    let Some(hosts) = hosts(&["orsay", "athens", "lyon"]) else { return };
    let addresses = ["10.77.0.1", "10.77.0.2", "10.77.0.3"];
    let joined: Vec<(&Host, &str)> = hosts.iter().zip(addresses).collect();
    let Some(wire) = wire(&joined) else { return };
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::new(folder.path());
    let make = |number: usize, name: &str| {
        site(folder.path(), name, &endorser, &hosts[number], &at(addresses[number]))
    };
    let (mut orsay, mut athens, mut lyon) = (make(0, "orsay"), make(1, "athens"), make(2, "lyon"));
    orsay.start();
    let ticket = orsay.await_output(&["invite"]);
    for other in [&mut athens, &mut lyon] {
        join(other, &ticket);
        other.start();
    }
    wait_for("everyone to meet", || {
        [&orsay, &athens, &lyon].iter().all(|site| site.connected().len() == 2)
    });
    let content: Vec<u8> = (0..3_000_000u32).map(|n| (n % 241) as u8).collect();
    let (manifest, image) = endorser.publishable(folder.path(), "disk", &content);
    assert_eq!(orsay.run(&["publish", &manifest, "--image", &image]).code, 0);
    let identifier = identifier_of(&manifest);
    wait_for("the entry", || athens.entries() == 1 && lyon.entries() == 1);
    let out = folder.path().join("out");
    let got = athens.run(&["get", &identifier, "-o", &out.display().to_string()]);
    assert!(got.code == 0 && fs::read(&out).unwrap() == content, "{got:?}");

    wire.cut(1, true);
    let p12 = endorser.p12.display().to_string();
    let run = suq(&[
        "metadata",
        "deprecate",
        &manifest,
        "--reason",
        "a hole",
        "--p12-cert",
        &p12,
        "--p12-password",
        site::PASSWORD,
    ]);
    assert_eq!(run.code, 0, "{run:?}");
    let deprecation = manifest.replace(".xml", "-deprecated.xml");
    assert_eq!(orsay.run(&["publish", &deprecation]).code, 0);
    wait_for("lyon knows", || lyon.run(&["get", &identifier]).code == 3);
    assert_eq!(athens.run(&["get", &identifier]).code, 0, "athens cannot know");
    wire.cut(1, false);
    wait_for("athens knows", || athens.run(&["get", &identifier]).code == 3);
}

#[test]
fn sites_behind_routers_take_part_by_way_of_one_that_is_reached() {
    let names = ["carrier", "router-a", "router-b", "hidden-a", "hidden-b"];
    let Some(hosts) = hosts(&names) else { return };
    let [carrier, router_a, router_b, hidden_a, hidden_b] = &hosts[..] else { panic!() };
    let routed = router_a.hide(hidden_a, "192.168.77");
    if let Err(why) = routed.and_then(|()| router_b.hide(hidden_b, "192.168.78")) {
        return skip(&format!("no routers can be made here (`nft` is needed): {why}"));
    }
    let joined = [(carrier, "10.77.0.1"), (router_a, "10.77.0.2"), (router_b, "10.77.0.3")];
    let Some(_wire) = wire(&joined) else { return };
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::new(folder.path());
    let reached = format!("{}\nreachable = \"yes\"", at("10.77.0.1"));
    let hidden = |address| format!("{}\nreachable = \"no\"", at(address));
    let mut cern = site(folder.path(), "cern", &endorser, carrier, &reached);
    let mut a = site(folder.path(), "a", &endorser, hidden_a, &hidden("192.168.77.2"));
    let mut b = site(folder.path(), "b", &endorser, hidden_b, &hidden("192.168.78.2"));
    cern.start();
    let ticket = cern.await_output(&["invite"]);
    for other in [&mut a, &mut b] {
        join(other, &ticket);
        other.start();
    }
    wait_for("the hidden sites meet", || a.connected().contains(&b.peer));
    let (manifest, image) = endorser.publishable(folder.path(), "disk", b"an image");
    assert_eq!(a.run(&["publish", &manifest, "--image", &image]).code, 0);
    wait_for("the entry", || b.entries() == 1 && cern.entries() == 1);
    // Images do not pass through cern: the routers let the two meet.
    let identifier = identifier_of(&manifest);
    wait_for("the image", || b.run(&["get", &identifier]).code == 0);
}

/// The address in the ticket leads nowhere: they find each other by multicast.
#[test]
fn sites_in_one_network_segment_find_each_other_when_they_want_to() {
    let Some(hosts) = hosts(&["delft", "leiden"]) else { return };
    let addresses = ["10.77.0.1", "10.77.0.2"];
    let joined: Vec<(&Host, &str)> = hosts.iter().zip(addresses).collect();
    let Some(_wire) = wire(&joined) else { return };
    for host in &hosts {
        host.inside(&["ip", "route", "add", "224.0.0.0/4", "dev", "eth0"]).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::new(folder.path());
    let nowhere = "announce = [\"/ip4/10.77.0.99/tcp/8082\"]";
    let delft = format!("{}\nmdns = true\n{nowhere}", at(addresses[0]));
    let mut delft = site(folder.path(), "delft", &endorser, &hosts[0], &delft);
    let leiden = format!("{}\nmdns = true", at(addresses[1]));
    let mut leiden = site(folder.path(), "leiden", &endorser, &hosts[1], &leiden);
    delft.start();
    let ticket = delft.await_output(&["invite"]);
    join(&leiden, &ticket);
    leiden.start();
    wait_for("they meet", || leiden.connected() == [delft.peer.clone()]);
}
