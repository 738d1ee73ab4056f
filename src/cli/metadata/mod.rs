//! `suq metadata`: everything that needs no home and no network.

mod build;
mod deprecate;
mod describe;
mod show;
mod sign;
mod validate;

use std::fs;
use std::io::Write;
use std::path::Path;

use clap::{Args, Subcommand};
use tempfile::NamedTempFile;

use super::{Common, Exit};

pub(super) use describe::Description;
pub(super) use sign::sign_file;

/// Build, sign, validate, show or deprecate metadata, offline.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq metadata build disk.raw --os debian --os-version 12 --os-arch x86_64 --image-version 1.0
  suq metadata sign debian-12-x86_64-base-1.0.xml --p12-cert me.p12
  suq metadata validate *.xml
  suq metadata show debian-12-x86_64-base-1.0.xml
  suq metadata deprecate debian-12-x86_64-base-1.0.xml --reason \"CVE-2026-1\" --p12-cert me.p12")]
pub(crate) struct Metadata {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Describe an image: hash it and write an unsigned manifest
    Build(Box<build::Build>),
    /// Endorse and sign a manifest
    Sign(sign::Sign),
    /// Check manifests: form, rules, signature
    Validate(validate::Validate),
    /// Show what a manifest says
    Show(show::Show),
    /// Endorse a manifest anew as deprecated
    Deprecate(deprecate::Deprecate),
}

impl Metadata {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        match self.action {
            Action::Build(command) => command.run(common),
            Action::Sign(command) => command.run(common),
            Action::Validate(command) => command.run(common),
            Action::Show(command) => command.run(common),
            Action::Deprecate(command) => command.run(common),
        }
    }
}

/// Writes a file as a whole, or not at all.
pub(super) fn write_file(path: &Path, octets: &[u8]) -> Result<(), Exit> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = NamedTempFile::new_in(folder).map_err(Exit::io(path))?;
    file.write_all(octets).and_then(|()| file.as_file().sync_all()).map_err(Exit::io(path))?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(file.path(), mode).map_err(Exit::io(path))?;
    file.persist(path).map_err(|error| Exit::io(path)(error.error))?;
    Ok(())
}
