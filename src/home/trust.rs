//! The trust anchors of the site, read from its folders.

use std::fs;
use std::path::Path;

use super::{Home, HomeError, Settings};
use crate::manifest::pki::{AnchorFile, Anchors, BadAnchor};

/// Files read from one folder of anchors: the grid's has some hundred.
const MAX_FILES: usize = 10_000;

impl Home {
    /// Reads every anchor folder of the settings.
    ///
    /// # Errors
    /// When a folder that is named cannot be read, or a damaged file in it may limit
    /// any authority: a site must not believe that it trusts what it does not.
    pub fn anchors(&self, settings: &Settings) -> Result<Anchors, HomeError> {
        let mut files = Vec::new();
        for folder in &settings.trust.anchors {
            files.extend(anchor_files(&self.root().join(folder))?);
        }
        Anchors::new(files, &settings.trust.pins).map_err(HomeError::from)
    }
}

/// Reads the anchors of one folder, without a home.
pub fn anchors_of(folder: &Path) -> Result<Anchors, HomeError> {
    Anchors::new(anchor_files(folder)?, &[]).map_err(HomeError::from)
}

fn anchor_files(folder: &Path) -> Result<Vec<AnchorFile>, HomeError> {
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).map_err(HomeError::io(folder))?;
    for entry in entries.take(MAX_FILES) {
        let path = entry.map_err(HomeError::io(folder))?.path();
        if path.is_file() {
            let bytes = Home::read(&path)?;
            files.push(AnchorFile { name: path.display().to_string(), bytes });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

impl From<BadAnchor> for HomeError {
    fn from(BadAnchor { file, fault }: BadAnchor) -> HomeError {
        let what = format!("{fault}; no authority has its name: repair or remove the file");
        HomeError::Invalid { file: file.into(), what }
    }
}
