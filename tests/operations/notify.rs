//! What systemd hears.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use super::site::{Endorser, Site};

/// Nothing here takes this long, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Systemd(UnixDatagram);

impl Systemd {
    /// The next message that has this line.
    fn hears(&self, wanted: &str) -> String {
        let mut heard = Vec::new();
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let mut octets = [0; 4096];
            let length = self.0.recv(&mut octets).unwrap_or_else(|error| {
                panic!("{error}: never `{wanted}`, but {heard:?}");
            });
            let message = String::from_utf8(octets[..length].to_vec()).unwrap();
            if message.lines().any(|line| line.starts_with(wanted)) {
                return message;
            }
            heard.push(message);
        }
        panic!("never `{wanted}`, but {heard:?}");
    }
}

#[test]
fn systemd_hears_of_the_start_of_life_of_reloads_and_of_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::new(folder.path());
    let mut site = Site::new(folder.path(), "site", &endorser);
    let path = folder.path().join("notify");
    let systemd = Systemd(UnixDatagram::bind(&path).unwrap());
    systemd.0.set_read_timeout(Some(PATIENCE)).unwrap();
    site.environment = vec![
        ("NOTIFY_SOCKET".into(), path.display().to_string()),
        ("WATCHDOG_USEC".into(), "400000".into()),
    ];
    site.spawn();
    systemd.hears("READY=1");
    // It answers by then.
    assert_eq!(site.run(&["status"]).code, 0);
    systemd.hears("WATCHDOG=1");
    let status = systemd.hears("STATUS=");
    assert!(status.contains("STATUS=0 peers, 0 entries, 0 images"), "{status}");
    // And again, without being asked.
    systemd.hears("WATCHDOG=1");

    site.hang_up();
    let reloading = systemd.hears("RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    systemd.hears("READY=1");

    std::fs::write(site.home.join("policy.cfg"), "no policy\n").unwrap();
    site.hang_up();
    systemd.hears("STATUS=0 peers, 0 entries, 0 images; NOT READY: the policy cannot be read");

    site.stop();
    systemd.hears("STOPPING=1");
}
