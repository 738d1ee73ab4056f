//! What can go wrong with the store, and what to do about it.

use std::path::{Path, PathBuf};

use crate::model::ContentId;

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("the store {} is in use by another process: is a node running on this home?",
        folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The files are damaged.
    #[error(
        "the store {} is damaged: {what}. Nothing was deleted. Move the folder away and start the \
         node again: it fetches every entry from its peers; or restore the folder from a backup",
        folder.display()
    )]
    Damaged {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// It has trees that this version does not know.
    #[error(
        "the store {} was written by another version of suq (it has `{tree}`): carry its entries \
         over with that version's `suq bundle export`, or move the folder away and start the node \
         again: it fetches every entry from its peers",
        folder.display()
    )]
    OtherVersion {
        /// The folder.
        folder: PathBuf,
        /// The tree.
        tree: String,
    },
    /// The system refused.
    #[error("the store {} cannot be opened: {source}", folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl OpenError {
    pub(super) fn of(error: sled::Error, folder: &Path) -> OpenError {
        let folder = folder.to_owned();
        match error {
            // sled reports the lock of another process as an error of this text.
            sled::Error::Io(source) if source.to_string().contains("could not acquire lock") => {
                OpenError::InUse { folder }
            }
            sled::Error::Io(source) if source.kind() == std::io::ErrorKind::WouldBlock => {
                OpenError::InUse { folder }
            }
            sled::Error::Io(source) if source.kind() != std::io::ErrorKind::InvalidData => {
                OpenError::Io { folder, source }
            }
            other => OpenError::Damaged { folder, what: other.to_string() },
        }
    }
}

/// Why the store could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full, or the system refused.
    #[error("the store could not be written or read: {0}")]
    Io(#[from] std::io::Error),
    /// A record is not what it should be.
    #[error("the store's record of {id} cannot be read: {what}; run `suq store check`")]
    Record {
        /// The document.
        id: ContentId,
        /// What is wrong.
        what: String,
    },
    /// An entry without its document.
    #[error("the store has lost the document of the entry {id}; run `suq store check`")]
    NoDocument {
        /// The entry.
        id: ContentId,
    },
    /// A document without its entry.
    #[error("the store has lost what it knew of the document {id}; run `suq store check`")]
    NoRecord {
        /// The document.
        id: ContentId,
    },
    /// Something else in the files.
    #[error("the store is damaged: {0}; run `suq store check`")]
    Damaged(String),
}

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> StoreError {
        match error {
            sled::Error::Io(source) => StoreError::Io(source),
            other => StoreError::Damaged(other.to_string()),
        }
    }
}
