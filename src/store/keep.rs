//! A copy of the database from before it was opened.
//!
//! sled repairs what it can when it opens: it cuts off a damaged end and begins
//! a file anew that it cannot read at all. Whoever has to rescue something needs
//! the file of before.

use std::fs;
use std::path::{Path, PathBuf};

/// Largest database that is copied, in bytes: a tenth of a second. Larger ones
/// are only copied where the file system shares the bytes.
const MAX_COPIED: u64 = 128 * 1024 * 1024;

/// The copy; deleted unless it is kept.
pub(super) struct Copy {
    path: Option<PathBuf>,
}

impl Copy {
    /// Copies the database of a folder, when there is one.
    pub(super) fn take(folder: &Path) -> Copy {
        let database = folder.join("db");
        let path = folder.join("db.before-open");
        let bytes = fs::metadata(&database).map_or(0, |metadata| metadata.len());
        let wanted = bytes > 0 && bytes <= MAX_COPIED;
        // Without space for a copy the store is still opened.
        let copied = wanted && fs::copy(&database, &path).is_ok();
        Copy { path: copied.then_some(path) }
    }

    /// Keeps the copy, and says where it is.
    pub(super) fn keep(mut self) -> String {
        match self.path.take() {
            Some(path) => {
                let kept = path.with_extension("damaged");
                let kept = fs::rename(&path, &kept).map_or(path, |()| kept);
                format!("; its file as it was found is kept as {}", kept.display())
            }
            None => String::new(),
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}
