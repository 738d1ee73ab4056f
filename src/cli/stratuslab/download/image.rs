//! The bytes of an image, from a location into a file.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::NamedTempFile;

use super::super::super::Exit;
use super::super::super::progress::bytes_bar;
use crate::blobs::{Expected, Hasher};
use crate::fetch::{Body, Client, Endpoint};
use crate::manifest::Manifest;

/// How locations are reached.
pub(super) struct Sources {
    /// The servers that a person has named.
    pub(super) named: Vec<Endpoint>,
    /// For those, wherever they are.
    pub(super) open: Client,
    /// For all others.
    pub(super) guarded: Client,
}

impl Sources {
    async fn open(&self, location: &str, bytes: u64) -> Result<Body, String> {
        let is_named = self.named.iter().any(|server| server.serves(location));
        let client = if is_named { &self.open } else { &self.guarded };
        let source = client.open(location, bytes).await.map_err(|error| error.to_string())?;
        source.read_all().await.map_err(|error| error.to_string())
    }
}

/// Fetches an image into a file, which appears when everything matches. What is wrong with the
/// location is the inner error: another one may do.
pub(super) async fn fetch(
    sources: &Sources,
    location: &str,
    manifest: &Manifest,
    output: &Path,
) -> Result<Result<(), String>, Exit> {
    let mut body = match sources.open(location, manifest.bytes).await {
        Ok(body) => body,
        Err(reason) => return Ok(Err(reason)),
    };
    let folder = match output.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = NamedTempFile::new_in(folder).map_err(Exit::io(output))?;
    let expected = Expected { bytes: manifest.bytes, checksums: manifest.checksums.clone() };
    let algorithms: Vec<_> = expected.checksums.iter().map(|(algorithm, _)| algorithm).collect();
    let mut hasher = Hasher::new(&algorithms);
    let bar = bytes_bar(manifest.bytes, "fetching");
    loop {
        match body.next().await {
            Ok(Some(chunk)) => {
                file.write_all(&chunk).map_err(Exit::io(output))?;
                hasher.update(&chunk);
                bar.inc(chunk.len() as u64);
            }
            Ok(None) => break,
            Err(error) => return Ok(Err(error.to_string())),
        }
    }
    bar.finish_and_clear();
    let bytes = hasher.bytes();
    let found = hasher.finish().map_err(Exit::io(output))?;
    if let Err(error) = expected.compare(bytes, &found) {
        return Ok(Err(error.to_string()));
    }
    file.as_file().sync_all().map_err(Exit::io(output))?;
    let mode = fs::Permissions::from_mode(0o644);
    fs::set_permissions(file.path(), mode).map_err(Exit::io(output))?;
    file.persist(output).map_err(|error| Exit::io(output)(error.error))?;
    Ok(Ok(()))
}
