//! Blobs that stay because somebody said so: an empty file for each.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;

use super::folder::files;
use super::place::sync_folder;
use super::{BlobError, Blobs};
use crate::model::Sha512;

impl Blobs {
    /// Keeps a blob from collection, also over a restart or a power loss.
    pub fn pin(&self, sha512: &Sha512) -> Result<(), BlobError> {
        let _change = self.change()?;
        let (folder, path) = (self.pins_folder(), self.pin_path(sha512));
        File::create(&path).and_then(|pin| pin.sync_all()).map_err(BlobError::io(&path))?;
        sync_folder(&folder)
    }

    /// Takes a pin away; false when there was none.
    pub fn unpin(&self, sha512: &Sha512) -> Result<bool, BlobError> {
        let _change = self.change()?;
        let path = self.pin_path(sha512);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            other => other.map_err(BlobError::io(&path))?,
        }
        sync_folder(&self.pins_folder())?;
        Ok(true)
    }

    /// True when a blob is pinned.
    pub fn is_pinned(&self, sha512: &Sha512) -> bool {
        self.pin_path(sha512).exists()
    }

    /// Everything that is pinned, whether it is here or not.
    pub fn pins(&self) -> Result<BTreeSet<Sha512>, BlobError> {
        let files = files(&self.pins_folder())?;
        let name = |path: &std::path::Path| path.file_name()?.to_str()?.parse().ok();
        Ok(files.iter().filter_map(|(path, _)| name(path)).collect())
    }

    fn pins_folder(&self) -> std::path::PathBuf {
        self.root.join("pins")
    }

    fn pin_path(&self, sha512: &Sha512) -> std::path::PathBuf {
        self.pins_folder().join(sha512.to_string())
    }
}
