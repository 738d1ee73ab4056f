//! StratusLab's commands, through links of their names, against a real node; and a client of
//! that time against the same.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod build;
mod deprecate;
mod download;
#[path = "../http/mod.rs"]
mod http;
mod links;
mod old_client;
mod policy;
#[path = "../fetch/server.rs"]
#[allow(dead_code, unreachable_pub, reason = "a part of it is used")]
mod server;
mod sign;
#[path = "../site/mod.rs"]
mod site;
mod story;
mod upload;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use server::{Request, Server, Step};
use site::{Endorser, PASSWORD, Run, Site, suq};
use suq::manifest::{Verified, Verifier};
use suq::model::Timestamp;

const JANE: &str = "jane@example.org";

/// A folder to work in, the links, and an endorser. Commands run in the folder, which is
/// their user's home, too.
struct Desk {
    folder: tempfile::TempDir,
    endorser: Endorser,
}

impl Desk {
    fn new() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let endorser = Endorser::since(folder.path(), ago(90));
        let desk = Desk { folder, endorser };
        assert_eq!(suq(&["links", &desk.text("bin")]).code, 0);
        fs::create_dir(desk.path(".globus")).unwrap();
        fs::copy(&desk.endorser.p12, desk.path(".globus/usercert.p12")).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The command of a link with these arguments and environment.
    fn run_with(&self, name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Run {
        let mut command = Command::new(self.path("bin").join(name));
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        for (variable, _) in std::env::vars() {
            if variable.starts_with("STRATUSLAB") || variable.to_lowercase().ends_with("proxy") {
                command.env_remove(variable);
            }
        }
        command.env("HOME", self.folder.path()).envs(environment.iter().copied());
        let output = command.output().unwrap();
        Run {
            code: output.status.code().unwrap_or(-1),
            output: String::from_utf8(output.stdout).unwrap(),
            error: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The same with the password of the endorser's key.
    fn run(&self, name: &str, arguments: &[&str]) -> Run {
        self.run_with(name, arguments, &[("STRATUSLAB_P12_PASSWORD", PASSWORD)])
    }

    /// What a command prints, which must end well.
    fn done(&self, name: &str, arguments: &[&str]) -> String {
        let run = self.run(name, arguments);
        assert_eq!(run.code, 0, "{name} {arguments:?}: {run:?}");
        run.output.trim_end().to_owned()
    }

    /// A signed manifest of an image with this content and these locations; its identifier.
    fn signed(&self, file: &str, content: &[u8], locations: &[&str]) -> String {
        self.write("content.img", content);
        let mut arguments = vec!["--os", "x", "--os-version", "1", "--os-arch", "x86_64"];
        arguments.extend(["--image-version", "1"]);
        locations.iter().for_each(|location| arguments.extend(["--location", location]));
        arguments.push("content.img");
        self.done("stratus-build-metadata", &arguments);
        self.done("stratus-sign-metadata", &["--output", file, "x-1-x86_64-base-1.xml"]);
        self.verified(file).manifest().identifier.to_string()
    }

    fn verified(&self, file: &str) -> Verified {
        Verifier::new().verify(self.read(file).as_bytes()).unwrap()
    }

    /// A running site that trusts the endorser, and the address of its Marketplace.
    fn market(&self) -> (Site, String) {
        let mut site = Site::new(self.folder.path(), "market", &self.endorser);
        site.start();
        let url = format!("http://{}", site.http());
        (site, url)
    }
}

/// A server that answers as its script says.
struct Fake {
    server: Server,
    _runtime: tokio::runtime::Runtime,
}

impl Fake {
    fn new(script: impl Fn(&Request) -> Vec<Step> + Send + Sync + 'static) -> Fake {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
        let server = runtime.block_on(Server::start(move |_, request| script(request)));
        Fake { server, _runtime: runtime }
    }

    fn url(&self, path: &str) -> String {
        self.server.url(path)
    }

    /// What was asked for so far.
    fn paths(&self) -> Vec<String> {
        self.server.seen().into_iter().map(|request| request.path).collect()
    }
}

fn ago(days: u32) -> Timestamp {
    Timestamp::from(SystemTime::now()).minus(Duration::from_secs(86_400) * days).whole_seconds()
}

/// The text of the first element of this name.
fn element<'t>(text: &'t str, name: &str) -> &'t str {
    let (_, rest) = text.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("{name}"));
    rest.split_once('<').unwrap().0
}

/// Compresses a file with the tool of this name; the ending it gives.
fn pack(tool: &str, file: &Path) -> String {
    let status = Command::new(tool).args(["-k", "-f", "-q"]).arg(file).status();
    assert!(status.unwrap().success(), "{tool} is installed");
    let ending = [("gzip", "gz"), ("bzip2", "bz2"), ("xz", "xz"), ("zstd", "zst")];
    let (_, ending) = ending.iter().find(|(name, _)| *name == tool).unwrap();
    (*ending).to_owned()
}

/// Runs openssl in the desk's folder.
fn openssl(desk: &Desk, arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).current_dir(&desk.folder).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A key of that time, `old.p12` with the password `old`, and its own certificate, `c`.
fn old_key(desk: &Desk) {
    let subject = ["-subj", "/O=Old/CN=Jane", "-addext", "subjectAltName=email:old@example.org"];
    let new = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k", "-out", "c"];
    openssl(desk, &[&new[..], &subject].concat());
    // RC2-40 for the certificate, 3DES for the key.
    let export = ["pkcs12", "-export", "-legacy", "-inkey", "k", "-in", "c", "-out", "old.p12"];
    openssl(desk, &[&export[..], &["-passout", "pass:old"]].concat());
}
