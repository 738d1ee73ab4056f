//! The unit for systemd.

use std::fs;

use super::{source, tool};

/// What `systemd-analyze security` may find at most, in tenths: 2.0 is its "OK", and what
/// is left is that the node has the network.
const EXPOSURE: &str = "20";

#[test]
fn the_unit_is_understood_and_hardened() {
    let text = fs::read_to_string(source("config/suq.service")).unwrap();
    let start = "ExecStart=/usr/bin/suq serve";
    assert!(text.contains(start));
    // Where the program is on this machine.
    let here = format!("ExecStart={} serve", env!("CARGO_BIN_EXE_suq"));
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("suq.service");
    fs::write(&unit, text.replace(start, &here)).unwrap();
    let unit = unit.display().to_string();
    let (is_content, said) = tool("systemd-analyze", &["verify", &unit], b"");
    assert!(is_content && said.is_empty(), "{said}");
    let threshold = format!("--threshold={EXPOSURE}");
    let security = ["security", "--offline=true", "--no-pager", &threshold, &unit];
    let (is_content, said) = tool("systemd-analyze", &security, b"");
    assert!(is_content, "{said}");
}

#[test]
fn the_unit_leaves_the_node_the_time_that_it_takes() {
    let text = fs::read_to_string(source("config/suq.service")).unwrap();
    let seconds = |name: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
        line.unwrap().parse().unwrap()
    };
    // Answers on their way have ten seconds, and then the last writes come.
    assert!(seconds("TimeoutStopSec") >= 30);
    assert!(seconds("WatchdogSec") >= 30);
    assert!(
        text.contains("\nType=notify\n") && text.contains("\nExecReload=/bin/kill -HUP $MAINPID\n")
    );
    // 256 clients and 256 peers, with a file each, and the store.
    assert!(seconds("LimitNOFILE") >= 2048);
}
