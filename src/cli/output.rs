//! Printing.
#![expect(clippy::print_stderr, reason = "the one place that prints")]

use std::io::Write;

use serde::Serialize;

use super::Exit;
use crate::model::Timestamp;

/// A line for people.
pub(super) fn line(text: impl AsRef<str>) {
    // A closed pipe (`suq search | head`) is no error.
    let _ = writeln!(std::io::stdout(), "{}", text.as_ref());
}

/// Text as it is, for files and pipes.
pub(super) fn raw(text: &[u8]) {
    let _ = std::io::stdout().write_all(text);
}

/// A value for programs.
pub(super) fn json(value: &impl Serialize) -> Result<(), Exit> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Exit::failed(format!("the answer cannot be written as JSON: {error}")))?;
    line(text);
    Ok(())
}

/// A value for programs that read line by line, while more follow.
pub(super) fn json_line(value: &impl Serialize) {
    // Invariant: what is printed has no map whose keys are not text.
    if let Ok(text) = serde_json::to_string(value) {
        line(text);
    }
}

/// What went wrong.
pub(super) fn error(message: &str) {
    error_of("suq", message);
}

/// What went wrong in the program of this name.
pub(super) fn error_of(program: &str, message: &str) {
    eprintln!("{program}: {message}");
}

/// What people should know besides the answer.
pub(super) fn note(message: &str) {
    eprintln!("{message}");
}

/// Rows under a heading, each column as wide as its widest cell.
pub(super) fn table<const N: usize>(heading: [&str; N], rows: &[[String; N]]) {
    let mut widths = heading.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let print = |cells: &[String; N]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        line(padded.collect::<Vec<String>>().join("  ").trim_end());
    };
    print(&heading.map(str::to_owned));
    rows.iter().for_each(print);
}

/// Bytes as people read them.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit < UNITS.len() - 1 {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// The time of this command.
pub(super) fn now() -> Timestamp {
    Timestamp::from(std::time::SystemTime::now())
}
