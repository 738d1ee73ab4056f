//! Sites for tests: real homes, real commands, real nodes in processes of their own.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(unreachable_pub, missing_docs)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use suq::manifest::pki::authority::{Authority, KeyKind};
use suq::manifest::pki::{Certificate, Password, SigningKey};
use suq::manifest::{Draft, SigningStyle};
use suq::model::Timestamp;

const SUQ: &str = env!("CARGO_BIN_EXE_suq");

/// Nothing here takes this long, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a command ended.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub output: String,
    pub error: String,
}

/// Runs a command without a home.
pub fn suq(arguments: &[&str]) -> Run {
    let output = Command::new(SUQ).args(arguments).stdin(Stdio::null()).output().unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        output: String::from_utf8(output.stdout).unwrap(),
        error: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Looks until something holds.
pub fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Says why a test did not run.
pub fn skip(reason: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {reason}");
}

/// An endorser's key file, and the authority to trust.
pub struct Endorser {
    pub p12: PathBuf,
    key: SigningKey,
    authority: Authority,
}

pub const PASSWORD: &str = "secret";

impl Endorser {
    pub fn new(folder: &Path) -> Endorser {
        Endorser::since(folder, Timestamp::from(SystemTime::now()))
    }

    /// An endorser whose certificate was made at a time.
    pub fn since(folder: &Path, made: Timestamp) -> Endorser {
        let authority = Authority::new("Test CA", made).unwrap();
        let key = authority.endorser("Jane", Some("jane@example.org"), KeyKind::EcP256, made);
        let p12 = folder.join("jane.p12");
        let key = key.unwrap();
        let octets = key.to_pkcs12(&Password::new(PASSWORD.to_owned())).unwrap();
        fs::write(&p12, octets).unwrap();
        Endorser { p12, key, authority }
    }

    /// The certificate that makes the endorser trusted.
    pub fn authority(&self) -> Vec<u8> {
        self.authority.certificate_pem().unwrap()
    }

    /// The endorser's certificate.
    pub fn certificate(&self) -> &Certificate {
        self.key.certificate()
    }

    /// A signed description, endorsed at a time.
    pub fn sign(&self, draft: &Draft, created: Timestamp) -> Vec<u8> {
        draft.sign(&self.key, None, created, SigningStyle::Modern).unwrap().octets().to_vec()
    }

    /// A revocation list whose time is over.
    pub fn revocation_list(&self, revoked: &[&Certificate]) -> Vec<u8> {
        let now = Timestamp::from(SystemTime::now());
        let earlier = now.minus(Duration::from_secs(3600));
        self.authority.revocation_list(revoked, earlier, earlier).unwrap()
    }

    /// Makes an image, describes and signs it with the commands; the paths of
    /// the manifest and of the image.
    pub fn publishable(&self, folder: &Path, name: &str, content: &[u8]) -> (String, String) {
        let image = folder.join(name).display().to_string();
        let manifest = folder.join(format!("{name}.xml")).display().to_string();
        fs::write(&image, content).unwrap();
        let run = suq(&["metadata", "build", &image, "--title", name, "-o", &manifest]);
        assert_eq!(run.code, 0, "{run:?}");
        let signed = folder.join(format!("{name}-signed.xml")).display().to_string();
        let p12 = self.p12.display().to_string();
        let run = suq(&[
            "metadata",
            "sign",
            &manifest,
            "--p12-cert",
            &p12,
            "--p12-password",
            PASSWORD,
            "-o",
            &signed,
        ]);
        assert_eq!(run.code, 0, "{run:?}");
        (signed, image)
    }
}

/// The identifier that a manifest describes.
pub fn identifier_of(manifest: &str) -> String {
    let run = suq(&["metadata", "show", manifest, "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&run.output).unwrap();
    shown["manifest"]["identifier"].as_str().unwrap().to_owned()
}

/// A site whose node, once started, runs until it is dropped.
pub struct Site {
    pub home: PathBuf,
    /// The node's name.
    pub peer: String,
    /// The network namespace that the node runs in.
    pub host: Option<String>,
    /// What `suq serve` gets beside the home,
    pub options: Vec<String>,
    /// and what it finds in its environment.
    pub environment: Vec<(String, String)>,
    node: Option<Child>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Site {
    pub fn new(folder: &Path, name: &str, endorser: &Endorser) -> Site {
        Site::with(folder, name, endorser, &[])
    }

    /// A site that was made with more options.
    pub fn with(folder: &Path, name: &str, endorser: &Endorser, options: &[&str]) -> Site {
        let mut site = Site {
            home: folder.join(name),
            peer: String::new(),
            host: None,
            options: Vec::new(),
            environment: Vec::new(),
            node: None,
        };
        let init = ["init", "--json", "--name", name, "--listen", "/ip4/127.0.0.1/tcp/0"];
        let http = ["--http", "127.0.0.1:0"];
        let run = site.run(&[&init[..], &http, options].concat());
        assert_eq!(run.code, 0, "{run:?}");
        let made: serde_json::Value = serde_json::from_str(&run.output).unwrap();
        site.peer = made["peer"].as_str().unwrap().to_owned();
        fs::write(site.home.join("trust/ca.pem"), endorser.authority()).unwrap();
        site
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        let home = self.home.display().to_string();
        suq(&[&["--home", &home], arguments].concat())
    }

    pub fn start(&mut self) {
        self.spawn();
        wait_for("the node answers", || self.run(&["status"]).code == 0);
    }

    /// Starts the node and does not wait until it answers.
    pub fn spawn(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.home.join("log"));
        let mut command = match &self.host {
            Some(host) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", host, SUQ]);
                command
            }
            None => Command::new(SUQ),
        };
        command.arg("--home").arg(&self.home).arg("serve").args(&self.options);
        command.envs(self.environment.iter().cloned()).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(log.unwrap());
        self.node = Some(command.spawn().unwrap());
    }

    /// Ends the node with SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut node) = self.node.take() {
            let _ = node.kill();
            let _ = node.wait();
        }
    }

    /// Ends the node with SIGTERM; its exit code must be 0.
    pub fn stop(&mut self) {
        let mut node = self.node.take().unwrap();
        let kill = Command::new("kill").arg(node.id().to_string()).status().unwrap();
        assert!(kill.success());
        assert_eq!(node.wait().unwrap().code(), Some(0), "it ends in order");
    }

    /// Has the node read its files again, with SIGHUP.
    pub fn hang_up(&self) {
        let kill = Command::new("kill").args(["-HUP", &self.pid().to_string()]).status();
        assert!(kill.unwrap().success());
    }

    /// Makes settings in suq.toml, which are commented there: `name = value`, by section.
    pub fn set(&self, section: &str, settings: &str) {
        let file = self.home.join("suq.toml");
        let text = fs::read_to_string(&file).unwrap();
        let heading = format!("[{section}]\n");
        assert!(text.contains(&heading));
        fs::write(&file, text.replace(&heading, &format!("{heading}{settings}\n"))).unwrap();
    }

    pub fn pid(&self) -> u32 {
        self.node.as_ref().unwrap().id()
    }

    /// What a command prints as soon as it succeeds.
    pub fn await_output(&self, arguments: &[&str]) -> String {
        let mut printed = String::new();
        wait_for(&arguments.join(" "), || {
            let run = self.run(arguments);
            printed = run.output;
            run.code == 0
        });
        printed
    }

    /// The status as JSON.
    pub fn status(&self) -> serde_json::Value {
        serde_json::from_str(&self.run(&["status", "--json"]).output).unwrap()
    }

    /// The names of connected peers.
    pub fn connected(&self) -> Vec<String> {
        serde_json::from_value(self.status()["connected"].clone()).unwrap_or_default()
    }

    /// What the node wrote to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.home.join("log")).unwrap_or_default()
    }

    /// Admitted entries.
    pub fn entries(&self) -> u64 {
        self.status()["documents"]["admitted"].as_u64().unwrap()
    }

    /// Where the node listens.
    pub fn address(&self) -> String {
        let mut address = None;
        wait_for("it listens", || {
            address = self.status()["listening"][0].as_str().map(str::to_owned);
            address.is_some()
        });
        address.unwrap()
    }

    /// Where the node answers HTTP, as `address:port`.
    pub fn http(&self) -> String {
        let mut address = None;
        wait_for("it answers HTTP", || {
            address = self.status()["http"][0].as_str().map(str::to_owned);
            address.is_some()
        });
        address.unwrap()
    }
}

/// A file system of a few megabytes, where the machine allows to mount one.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    pub fn mount(path: &Path, size: &str) -> Option<SmallDisk> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"])
            .arg(path)
            .stderr(Stdio::null())
            .status();
        mounted.ok()?.success().then(|| SmallDisk(path.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
