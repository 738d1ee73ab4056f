//! What those who run a site rely on: numbers, health, logs, TLS, and what systemd,
//! Prometheus and Grafana are given.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../fetch/authority.rs"]
#[allow(dead_code, reason = "a part of it is used")]
mod authority;
mod health;
#[path = "../http/mod.rs"]
mod http;
mod logs;
mod metrics;
mod notify;
mod prometheus;
#[path = "../site/mod.rs"]
mod site;
mod tls;
mod unit;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use http::{Response, exchange};

/// A file that is part of the sources.
fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn get(address: &str, path: &str) -> Response {
    get_with(address, path, "")
}

/// With some more lines in its head.
fn get_with(address: &str, path: &str, lines: &str) -> Response {
    let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n");
    exchange(address, head.as_bytes())
}

/// Runs a program that has to be installed; whether it was content, and what it said.
fn tool(program: &str, arguments: &[&str], input: &[u8]) -> (bool, String) {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{program}: {error}: install it"));
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}
