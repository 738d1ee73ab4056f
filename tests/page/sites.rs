//! A federation of three sites, with some months behind it.

use suq::manifest::pki::authority::{Authority, KeyKind};
use suq::manifest::{Details, Draft};

use crate::Stage;
use crate::site::{Site, wait_for};
use crate::stage::{ago, ahead, described, identifier, sign, site};

const SYSTEMS: [(&str, &str, &str, &str); 12] = [
    ("Debian", "12", "x86_64", "Debian 12 base, 10 GB"),
    ("CentOS", "7.0", "x86_64", "CentOS 7 for Geant4"),
    ("Ubuntu", "22.04", "x86_64", "Ubuntu 22.04 server"),
    ("ttylinux", "9.7", "i486", "ttylinux with my apps"),
    ("CentOS", "6.5", "x86_64", "CentOS 6.5 / PSPA"),
    ("Debian", "11", "aarch64", "Debian 11 for ARM servers"),
    ("AlmaLinux", "9.3", "x86_64", "AlmaLinux 9 worker node"),
    ("Fedora", "40", "x86_64", "Fedora cloud base"),
    ("openSUSE", "15.5", "x86_64", "openSUSE Leap base"),
    ("Ubuntu", "24.04", "aarch64", "Ubuntu 24.04 minimal"),
    ("Rocky", "9", "x86_64", "Rocky with CVMFS and HTCondor"),
    ("Windows", "2022", "x86_64", "Analysis desktop for beamline ID16, with licences"),
];

/// The image that has everything.
pub const FULL: u8 = 1;

/// An image that this site refused.
pub const REFUSED: u8 = 90;

/// The sites, of which the first is looked at, and the last has gone.
pub struct Federation {
    pub stage: Stage,
    pub others: Vec<Site>,
}

impl Federation {
    pub fn new() -> Federation {
        let stage = Stage::new();
        let ticket = stage.site.await_output(&["invite"]).trim().to_owned();
        let join = |name: &str| {
            let mut other = site(stage.folder.path(), name, &stage.authority);
            assert_eq!(other.run(&["join", &ticket]).code, 0);
            other.start();
            wait_for("it is connected", || !other.connected().is_empty());
            other
        };
        let mut others = vec![join("athens"), join("lyon")];
        wait_for("two peers", || stage.site.connected().len() == 2);
        catalogue(&stage);
        others[1].stop();
        wait_for("one peer left", || stage.site.connected().len() == 1);
        Federation { stage, others }
    }
}

fn catalogue(stage: &Stage) {
    for (n, (os, version, arch, title)) in (10..).zip(SYSTEMS.iter().cycle().take(40)) {
        let document = described(n, |details| {
            details.os = Some((*os).to_owned());
            details.os_version = Some((*version).to_owned());
            details.os_arch = Some((*arch).to_owned());
            details.title = Some(format!("{title}, build {n}"));
            details.description = Some(
                "Configured only with a root user. IPv6 is enabled, the firewall is disabled. \
                 Takes its settings from cloud-init or from the contextualization of StratusLab."
                    .to_owned(),
            );
            details.locations = vec![format!("https://appliances.example.org/{os}-{n}.qcow2.gz")];
        });
        let key = if n % 3 == 0 { &stage.john } else { &stage.jane };
        stage.put(&sign(key, &document.to_xml().unwrap(), u32::from(n)));
    }
    full_history(stage);
    let listed = identifier(91);
    stage.rule(&format!(
        "[blacklistendorsers]\nleft = left@cloud.example.gr\n[blacklistimages]\nhole = {listed}\n"
    ));
    assert_eq!(stage.upload(&stage.document(91, 3, |_| {})).status, 403);
    // What was refused before the rules changed is asked for again, and judged again.
    let stranger = Authority::new("Nobody's CA", ago(300)).unwrap();
    let mallory = stranger.endorser("Mallory", Some("m@bad.example"), KeyKind::EcP256, ago(300));
    let document = described(REFUSED, |_| {}).to_xml().unwrap();
    assert_eq!(stage.upload(&sign(&mallory.unwrap(), &document, 2)).status, 403);
}

/// An image with entries of every status.
fn full_history(stage: &Stage) {
    let endorser = |name, email| {
        stage.authority.endorser(name, Some(email), KeyKind::EcP256, ago(390)).unwrap()
    };
    let careful = endorser("Security team", "security@grnet.example.gr");
    let gone = endorser("Left the project", "left@cloud.example.gr");
    let late = endorser("Course 2025", "course@uni.example.fr");
    let put = |key, days_ago, change: fn(&mut Details)| {
        stage.put(&sign(key, &full(change).to_xml().unwrap(), days_ago));
    };
    put(&stage.jane, 360, |_| {});
    put(&late, 330, |details| details.valid = Some(ago(150)));
    put(&gone, 280, |_| {});
    put(&stage.jane, 240, |_| {});
    put(&careful, 200, |_| {});
    put(&stage.john, 120, |details| details.valid = Some(ahead(45)));
    put(&stage.jane, 60, |details| details.valid = Some(ahead(120)));
    put(&careful, 20, |details| {
        details.deprecated = Some("CVE-2026-1234 in its kernel: build 2 is repaired".into());
    });
}

fn full(change: fn(&mut Details)) -> Draft {
    described(FULL, |details| {
        details.os_version = Some("12.4".into());
        details.os = Some("Debian".into());
        details.title = Some("Debian 12 for physics analysis".into());
        details.description = Some(
            "Base image of Debian 12 with ROOT, Geant4 and the CVMFS client. Allows both standard \
             StratusLab and cloud-init contextualization mechanisms. Disk space is 15 GB."
                .into(),
        );
        details.tag = Some("debian-physics".into());
        details.version = Some("2.1.15".into());
        details.serial_number = Some(15);
        details.hypervisor = Some("kvm".into());
        details.disks_bus = Some("virtio".into());
        details.compression = Some("gz".into());
        details.creator = Some("Jane Tester".into());
        details.publisher = Some("StratusLab".into());
        details.inbound_ports = vec![22, 80, 443];
        details.outbound_ports = vec![0];
        details.icmp = vec![8];
        details.replaces = vec![identifier(10)];
        details.locations = vec![
            "https://appliances.example.org/images/base/debian-12.4-x86_64-physics/2.1.15.qcow2.gz"
                .into(),
            "pdisk:onehost-7.example.fr:8445:38a0738e-d662-4f2c-ade6-fd55d43afc0c".into(),
        ];
        change(details);
    })
}
