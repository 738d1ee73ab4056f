//! The log, on standard error.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// How the lines of a node's log look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people
    Text,
    /// One JSON object on each line, for programs
    Json,
}

/// Starts the log of a command, or of a node in its format. `RUST_LOG` overrides the
/// levels.
pub(super) fn start(verbose: u8, node: Option<LogFormat>) {
    let level = match (verbose, node) {
        (0, None) => "error",
        (0, Some(_)) => "suq=info,error",
        (1, _) => "suq=debug,warn",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = match node {
        Some(LogFormat::Json) => log.json().flatten_event(true).with_span_list(false).try_init(),
        _ => log.with_target(false).with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
}
