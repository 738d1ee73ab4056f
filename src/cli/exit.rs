//! How a command ends when it did not do what it was asked.

use crate::blobs::BlobError;
use crate::home::HomeError;
use crate::http::HttpError;
use crate::node::{CatalogueError, ControlError, Failure, FailureKind, StartError};
use crate::store::StoreError;

/// An exit code with the words for it.
#[derive(Debug)]
pub(crate) struct Exit {
    pub(super) code: u8,
    pub(super) message: String,
}

impl Exit {
    pub(super) const FAILED: u8 = 1;
    pub(super) const USAGE: u8 = 2;
    pub(super) const REFUSED: u8 = 3;
    pub(super) const NOT_FOUND: u8 = 4;
    pub(super) const NOT_VERIFIED: u8 = 5;
    pub(super) const UNREACHABLE: u8 = 6;
    /// As shells say of what SIGINT ended.
    pub(super) const INTERRUPTED: u8 = 130;

    pub(super) fn new(code: u8, message: impl Into<String>) -> Exit {
        Exit { code, message: message.into() }
    }

    pub(super) fn failed(message: impl Into<String>) -> Exit {
        Exit::new(Exit::FAILED, message)
    }

    /// What the system refused about a file.
    pub(super) fn io(file: &std::path::Path) -> impl FnOnce(std::io::Error) -> Exit + '_ {
        move |error| Exit::failed(format!("{}: {error}", file.display()))
    }
}

impl From<Failure> for Exit {
    fn from(failure: Failure) -> Exit {
        let code = match failure.kind {
            FailureKind::Failed => Exit::FAILED,
            FailureKind::Refused => Exit::REFUSED,
            FailureKind::NotFound => Exit::NOT_FOUND,
            FailureKind::NotVerified => Exit::NOT_VERIFIED,
            FailureKind::Unreachable => Exit::UNREACHABLE,
        };
        Exit::new(code, failure.message)
    }
}

impl From<ControlError> for Exit {
    fn from(error: ControlError) -> Exit {
        let code = match error {
            ControlError::NoNode | ControlError::Stopped => Exit::UNREACHABLE,
            ControlError::Protocol(_) | ControlError::Io { .. } => Exit::FAILED,
        };
        Exit::new(code, error.to_string())
    }
}

impl From<BlobError> for Exit {
    fn from(error: BlobError) -> Exit {
        let code = match error {
            BlobError::Checksum { .. } | BlobError::Size { .. } => Exit::NOT_VERIFIED,
            _ => Exit::FAILED,
        };
        Exit::new(code, error.to_string())
    }
}

macro_rules! fails {
    ($($error:ty),*) => {
        $(impl From<$error> for Exit {
            fn from(error: $error) -> Exit {
                Exit::failed(error.to_string())
            }
        })*
    };
}

fails!(HomeError, HttpError, CatalogueError, StartError, StoreError);
