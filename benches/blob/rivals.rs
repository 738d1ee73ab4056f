//! What people use without suq: curl or aria2c, and the tools that check.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use suq::model::{Algorithm, Checksums};

use crate::torrent::Torrent;
use crate::web_server::free_port;

/// A program that ends with its value.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// True when a program can be started.
pub fn has(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// A command that must succeed; no proxy of this machine's is asked.
fn run(command: &mut Command) {
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(name);
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}

/// curl, followed by the four tools, one after the other.
pub fn curl_and_check(url: &str, out: &Path, checksums: &Checksums) {
    run(Command::new("curl").args(["-sS", "--fail", "-o"]).arg(out).arg(url));
    for (algorithm, expected) in checksums.iter() {
        let tool = match algorithm {
            Algorithm::Md5 => "md5sum",
            Algorithm::Sha1 => "sha1sum",
            Algorithm::Sha256 => "sha256sum",
            Algorithm::Sha512 => "sha512sum",
        };
        let output = Command::new(tool).arg(out).output().unwrap();
        assert!(output.stdout.starts_with(expected.as_bytes()), "{tool}");
    }
}

/// aria2c with the one checksum that it can be given.
pub fn aria2_and_check(url: &str, out: &Path, checksums: &Checksums) {
    let sha512 = checksums.value(Algorithm::Sha512).unwrap();
    let mut command = Command::new("aria2c");
    command.args(["-q", "--no-conf", "-x", "4", "-s", "4", "--file-allocation=none"]);
    command.arg(format!("--checksum=sha-512={sha512}")).arg("-d").arg(out.parent().unwrap());
    run(command.arg("-o").arg(out.file_name().unwrap()).arg(url));
}

/// A program that has a whole file and gives it to others by BitTorrent.
pub fn seeder(torrent: &Torrent, folder: PathBuf, port: u16) -> Running {
    let mut command = aria2_of_torrent(torrent, &folder, port);
    command.args(["--seed-ratio=0.0", "--bt-seed-unverified=true", "--allow-overwrite=true"]);
    command.args(["--check-integrity=false", "--bt-tracker-interval=1"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Running(command.spawn().unwrap())
}

/// aria2c fetches from the seeders; it checks the SHA-1 of every piece.
pub fn leech(torrent: &Torrent, folder: &Path) {
    let mut command = aria2_of_torrent(torrent, folder, free_port());
    run(command.args(["--seed-time=0", "--file-allocation=none"]));
}

fn aria2_of_torrent(torrent: &Torrent, folder: &Path, port: u16) -> Command {
    let mut command = Command::new("aria2c");
    command.args(["-q", "--no-conf", "--enable-dht=false", "--bt-enable-lpd=false"]);
    command.args(["--enable-peer-exchange=false", "--bt-max-peers=8"]);
    command.arg(format!("--listen-port={port}"));
    command.arg("-d").arg(folder).arg(&torrent.path);
    command
}
