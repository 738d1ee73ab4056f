//! Sites for measurements: real homes, real nodes in processes of their own.

#![allow(dead_code, reason = "each bench uses a part of it")]

pub mod documents;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use suq::blobs::Hashed;
use suq::manifest::pki::SigningKey;
use suq::manifest::pki::authority::{Authority, KeyKind};
use suq::manifest::{Details, Draft, Signed, SigningStyle};
use suq::model::{Checksums, Identifier, Timestamp};

pub const SUQ: &str = env!("CARGO_BIN_EXE_suq");

pub fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// An endorser and the certificate that makes it trusted.
pub struct Endorser {
    pub key: SigningKey,
    /// All keys, when there are several endorsers.
    pub keys: Vec<SigningKey>,
    pub authority: Vec<u8>,
}

impl Endorser {
    pub fn new() -> Endorser {
        let authority = Authority::new("Bench CA", now()).unwrap();
        let key = authority.endorser("Bench", Some("b@example.org"), KeyKind::Rsa2048, now());
        let authority = authority.certificate_pem().unwrap();
        Endorser { key: key.unwrap(), keys: Vec::new(), authority }
    }

    /// Several endorsers of one authority.
    pub fn of_kind(kind: KeyKind) -> Endorser {
        let authority = Authority::new("Bench CA", now()).unwrap();
        let keys = documents::endorsers(&authority, kind);
        let key = authority.endorser("Bench", Some("b@example.org"), kind, now()).unwrap();
        Endorser { key, keys, authority: authority.certificate_pem().unwrap() }
    }

    /// Endorses a file with its checksums and its pieces.
    pub fn sign_image(&self, hashed: &Hashed, details: Details) -> Signed {
        let draft = Draft {
            identifier: Identifier::from_sha1(hashed.checksums.sha1().unwrap()),
            bytes: hashed.bytes,
            checksums: hashed.checksums.clone(),
            details,
            pieces: Some(hashed.piece_list()),
        };
        draft.sign(&self.key, None, now(), SigningStyle::Modern).unwrap()
    }

    pub fn sign(&self, checksums: Checksums, bytes: u64) -> Signed {
        let identifier = Identifier::from_sha1(checksums.sha1().unwrap());
        let details = Details {
            image_type: "base".into(),
            title: Some(format!("image of {bytes} bytes")),
            ..Details::default()
        };
        let draft = Draft { identifier, bytes, checksums, details, pieces: None };
        draft.sign(&self.key, None, now(), SigningStyle::Modern).unwrap()
    }
}

/// A site whose node runs until it is dropped.
pub struct Site {
    pub home: PathBuf,
    child: Option<Child>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Site {
    pub fn new(folder: &Path, name: &str, endorser: &Endorser) -> Site {
        let site = Site { home: folder.join(name), child: None };
        let listen = ["--listen", "/ip4/127.0.0.1/tcp/0", "--http", "127.0.0.1:0"];
        site.run(&[&["init", "--name", name][..], &listen].concat());
        fs::write(site.home.join("trust/ca.pem"), &endorser.authority).unwrap();
        site
    }

    pub fn start(&mut self) {
        self.start_on(None);
    }

    /// Starts the node on one core, or on all.
    pub fn start_on(&mut self, core: Option<&str>) {
        self.spawn(core);
        self.await_success(&["status"]);
    }

    /// The same without waiting until it answers.
    pub fn spawn(&mut self, core: Option<&str>) {
        let mut command = match core {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.args(["-c", core, SUQ]);
                command
            }
            None => Command::new(SUQ),
        };
        command.arg("--home").arg(&self.home).arg("serve");
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().unwrap());
    }

    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Runs a command until it succeeds.
    pub fn await_success(&self, arguments: &[&str]) -> String {
        for _ in 0..2000 {
            if let Some(text) = self.try_run(arguments) {
                return text;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("suq {arguments:?} never succeeded");
    }

    pub fn try_run(&self, arguments: &[&str]) -> Option<String> {
        let output =
            Command::new(SUQ).arg("--home").arg(&self.home).args(arguments).output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    pub fn run(&self, arguments: &[&str]) -> String {
        self.try_run(arguments).unwrap_or_else(|| panic!("suq {arguments:?} failed"))
    }

    /// A value of the node's `/proc/PID/status`, in MiB.
    pub fn memory(&self, field: &str) -> f64 {
        let pid = self.child.as_ref().unwrap().id();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib / 1024.0
    }

    /// Lets the peak of memory begin at what is held now.
    pub fn forget_peak(&self) {
        let pid = self.child.as_ref().unwrap().id();
        fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
    }

    pub fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// Seconds of processor time that the node has used.
    pub fn cpu_seconds(&self) -> f64 {
        cpu_seconds_of(self.child.as_ref().unwrap().id(), false)
    }
}

/// Seconds of processor time that a process has used, if wanted with its children that
/// have ended.
pub fn cpu_seconds_of(pid: u32, with_children: bool) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // After the name: utime, stime, cutime and cstime are fields 14 to 17 of proc(5).
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let last = if with_children { 14 } else { 12 };
    let ticks: u64 = fields[11..=last].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    ticks as f64 / 100.0
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
