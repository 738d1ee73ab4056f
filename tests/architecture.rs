//! The rules of ARCHITECTURE.md that a compiler does not enforce.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

/// The layer of each module; imports point to the same or a lower layer.
const LAYERS: &[(&str, u8)] = &[
    ("model", 0),
    ("wire", 0),
    ("manifest", 0),
    ("membership", 0),
    ("engine", 1),
    ("policy", 1),
    ("store", 2),
    ("blobs", 2),
    ("net", 2),
    ("fetch", 2),
    ("home", 2),
    ("search", 2),
    ("graph", 2),
    ("node", 3),
    ("cli", 4),
    ("http", 4),
    ("lib.rs", 5),
    ("main.rs", 5),
];

/// Modules of layer 2 know none of each other.
const IO_LAYER: u8 = 2;

/// A package with the only modules that may name it.
const OWNERS: &[(&str, &[&str])] = &[
    ("sled", &["store"]),
    ("libp2p", &["net"]),
    ("axum", &["http"]),
    ("hyper", &["http", "fetch"]),
    ("tokio_openssl", &["fetch", "http"]),
    ("openssl", &["manifest", "membership", "blobs", "fetch", "http", "cli"]),
    ("prometheus", &["http"]),
    ("sd_notify", &["cli"]),
    ("hyper_util", &["http", "fetch"]),
    ("url", &["fetch"]),
    ("flate2", &["fetch"]),
    ("bzip2", &["fetch"]),
    ("liblzma", &["fetch"]),
    ("zstd", &["fetch"]),
    ("headers", &["http"]),
    ("form_urlencoded", &["http"]),
    ("multer", &["http"]),
    ("oxrdf", &["graph"]),
    ("oxrdfxml", &["graph"]),
    ("sparesults", &["graph"]),
    ("spareval", &["graph"]),
    ("spargebra", &["graph"]),
    ("quick_xml", &["manifest"]),
    ("ciborium", &["wire"]),
    ("negentropy", &["engine"]),
    ("clap", &["cli"]),
    ("indicatif", &["cli"]),
    ("toml", &["home", "cli"]),
    ("tantivy", &["search"]),
    ("utoipa", &["http"]),
    ("tower_http", &["http"]),
];

/// Words that pure code does not know.
const IMPURE: [&str; 9] = [
    "std::time::Instant",
    "SystemTime::now",
    "Instant::now",
    "std::fs",
    "std::net",
    "std::thread",
    "tokio",
    "HashMap",
    "HashSet",
];

/// Lines of a file; a newcomer reads 200 gladly.
const MAX_FILE_LINES: usize = 500;

/// Lines of a function.
const MAX_FUNCTION_LINES: usize = 75;

struct Source {
    path: PathBuf,
    module: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let inside = path.strip_prefix(&root).unwrap();
                let module = inside.components().next().unwrap().as_os_str();
                let module = module.to_string_lossy().into_owned();
                let text = fs::read_to_string(&path).unwrap();
                found.push(Source { path, module, text });
            }
        }
    }
    assert!(found.len() > 60, "the sources were not found");
    found
}

/// The code without comments and without the tests at its end.
fn code(source: &Source) -> String {
    if source.path.ends_with("tests.rs") {
        return String::new();
    }
    let text = source.text.split("#[cfg(test)]\nmod tests {").next().unwrap_or("");
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn layer(module: &str) -> u8 {
    let found = LAYERS.iter().find(|(name, _)| *name == module);
    found.unwrap_or_else(|| panic!("the module {module} has no layer: add it to LAYERS")).1
}

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    for source in sources() {
        let code = code(&source);
        let own = layer(&source.module);
        for &(module, theirs) in LAYERS {
            let named = code.contains(&format!("crate::{module}::"))
                || code.contains(&format!("crate::{module};"))
                || code.contains(&format!("crate::{module} "));
            let sideways = own == IO_LAYER && theirs == IO_LAYER;
            if named && module != source.module && (theirs > own || sideways) {
                wrong.push(format!("{} imports {module}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_package_has_one_owner() {
    let mut wrong = Vec::new();
    for source in sources() {
        let code = code(&source);
        for &(package, owners) in OWNERS {
            let named = [format!("use {package}"), format!("{package}::")];
            let mentioned = named.iter().any(|name| {
                code.match_indices(name.as_str()).any(|(at, _)| {
                    let before = code[..at].chars().next_back().unwrap_or(' ');
                    !before.is_alphanumeric() && before != '_' && before != ':'
                })
            });
            if mentioned && !owners.contains(&source.module.as_str()) {
                wrong.push(format!("{} names {package}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn pure_modules_know_no_clock_disk_network_thread_or_unordered_map() {
    let mut wrong = Vec::new();
    for source in sources() {
        if layer(&source.module) >= IO_LAYER {
            continue;
        }
        let code = code(&source);
        for word in IMPURE {
            if code.contains(word) {
                wrong.push(format!("{} names {word}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_and_functions_stay_readable() {
    let mut wrong = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > MAX_FILE_LINES {
            wrong.push(format!("{}: {lines} lines", source.path.display()));
        }
        wrong.extend(long_functions(&source));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Functions by their indentation: rustfmt ends one where it began.
fn long_functions(source: &Source) -> Vec<String> {
    let mut long = Vec::new();
    let mut open: Option<(usize, usize, String)> = None;
    for (number, line) in source.text.lines().enumerate() {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        if let Some((start, at, name)) = &open {
            if indent == *at && trimmed.starts_with('}') {
                if number - start > MAX_FUNCTION_LINES {
                    long.push(format!("{}: {name}", source.path.display()));
                }
                open = None;
            }
        } else if trimmed.contains("fn ") && !trimmed.ends_with(';') && !trimmed.starts_with("//") {
            open = Some((number, indent, trimmed.to_owned()));
        }
    }
    long
}

#[test]
fn no_vague_names() {
    for source in sources() {
        let name = source.path.file_stem().unwrap().to_string_lossy().into_owned();
        for vague in ["util", "helper", "manager", "common", "misc"] {
            assert!(!name.contains(vague), "{} says nothing", source.path.display());
        }
    }
}
