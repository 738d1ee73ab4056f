//! The home: the folder with everything that is this node.
//!
//! ```text
//! key              the node's Ed25519 key (0600)
//! suq.toml         how it runs
//! policy.cfg       which images it admits and uses
//! federation.toml  which federation it belongs to
//! peers.toml       peers that are let in or kept out
//! trust/           certificate authorities
//! db/              the store
//! search-1/        the search index; it is made again when it is missing
//! blobs/           images
//! control.sock     where commands reach the running node
//! lock             held by the running node
//! ```

mod federation;
mod locate;
mod lock;
mod peers;
mod settings;
mod trust;

#[cfg(test)]
mod tests;

pub use federation::Federation;
pub use locate::locate;
pub use lock::Lock;
pub use peers::PeerLists;
pub use settings::{
    AccessLog, BlobSettings, Fetch as FetchSettings, Gossip, Http, Membership, Mode, Network,
    Settings, Trust,
};
pub use trust::anchors_of;

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::policy::{Policy, PolicyError, Source};

/// What a new home's files say.
const SUQ_TOML: &str = include_str!("../../config/suq.toml");
const POLICY_CFG: &str = include_str!("../../config/policy.cfg");

/// Largest settings, policy or anchor file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// A node's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
}

/// Why a home cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// There is none.
    #[error("{} is not the home of a node: make one with `suq init`", .0.display())]
    Missing(PathBuf),
    /// There already is one.
    #[error("{} already is the home of a node; nothing was changed", .0.display())]
    Exists(PathBuf),
    /// A running node holds it.
    #[error("a node (process {pid}) is already running on the home {}", home.display())]
    InUse {
        /// The home.
        home: PathBuf,
        /// The process that holds it.
        pid: String,
    },
    /// A file says something that cannot be understood.
    #[error("{}: {what}", file.display())]
    Invalid {
        /// The file.
        file: PathBuf,
        /// What is wrong, and where.
        what: String,
    },
    /// The system refused.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl HomeError {
    fn io(file: &Path) -> impl FnOnce(io::Error) -> HomeError + '_ {
        move |source| HomeError::Io { file: file.to_owned(), source }
    }
}

impl Home {
    /// The home in this folder.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(root: &Path) -> Result<Home, HomeError> {
        let root = fs::canonicalize(root).map_err(|_| HomeError::Missing(root.to_owned()))?;
        let home = Home { root };
        match home.key_path().exists() {
            true => Ok(home),
            false => Err(HomeError::Missing(home.root)),
        }
    }

    /// Makes a home with this key; changes nothing that exists. `settings` are
    /// names in `suq.toml`, after their section and a dot, with their values in
    /// TOML, which replace the commented defaults.
    pub fn create(
        root: &Path,
        key: &[u8],
        settings: &[(&str, String)],
        federation: &Federation,
    ) -> Result<Home, HomeError> {
        let home = Home { root: root.to_owned() };
        if home.key_path().exists() {
            return Err(HomeError::Exists(root.to_owned()));
        }
        let mut folder = fs::DirBuilder::new();
        folder.recursive(true).mode(0o700);
        for path in [root.to_owned(), home.trust_path()] {
            folder.create(&path).map_err(HomeError::io(&path))?;
        }
        let settings = with_settings(SUQ_TOML, settings);
        home.write_new("suq.toml", settings.as_bytes(), 0o644)?;
        home.write_new("policy.cfg", POLICY_CFG.as_bytes(), 0o644)?;
        home.set_federation(federation)?;
        // Last: a home with a key is complete.
        home.write_new("key", key, 0o600)?;
        Home::open(root)
    }

    fn write_new(&self, name: &str, octets: &[u8], mode: u32) -> Result<(), HomeError> {
        let path = self.root.join(name);
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
        match file {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(HomeError::io(&path)(error)),
            Ok(mut file) => {
                file.write_all(octets).and_then(|()| file.sync_all()).map_err(HomeError::io(&path))
            }
        }
    }

    /// Replaces a file as a whole.
    fn replace(&self, name: &str, text: &str) -> Result<(), HomeError> {
        let path = self.root.join(name);
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(&self.root)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            Ok(())
        };
        write().map_err(HomeError::io(&path))
    }

    /// Reads a file of bounded size.
    fn read(path: &Path) -> Result<Vec<u8>, HomeError> {
        let bytes = fs::metadata(path).map_err(HomeError::io(path))?.len();
        if bytes > MAX_FILE_BYTES {
            let what = format!("{bytes} bytes; at most {MAX_FILE_BYTES} are read");
            return Err(HomeError::Invalid { file: path.to_owned(), what });
        }
        fs::read(path).map_err(HomeError::io(path))
    }

    fn read_text(path: &Path) -> Result<String, HomeError> {
        String::from_utf8(Home::read(path)?).map_err(|_| HomeError::Invalid {
            file: path.to_owned(),
            what: "it is not UTF-8 text".to_owned(),
        })
    }

    /// The node's key.
    ///
    /// # Errors
    /// Also when others could read it.
    pub fn key(&self) -> Result<Zeroizing<Vec<u8>>, HomeError> {
        let path = self.key_path();
        let mode = fs::metadata(&path).map_err(HomeError::io(&path))?.permissions().mode();
        if mode & 0o077 != 0 {
            let what = "others can read the node's key: run chmod 600 on it".to_owned();
            return Err(HomeError::Invalid { file: path, what });
        }
        Home::read(&path).map(Zeroizing::new)
    }

    /// The site's policy. One that cannot be read refuses everything.
    pub fn policy(&self) -> Result<Policy, PolicyError> {
        let path = self.policy_path();
        let name = path.display().to_string();
        let text = Home::read_text(&path).map_err(|error| PolicyError {
            source_line: Source { file: name.clone(), line: 1 },
            fault: format!("the policy cannot be read: {error}"),
        })?;
        Policy::parse(&name, &text)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The policy file.
    pub fn policy_path(&self) -> PathBuf {
        self.root.join("policy.cfg")
    }

    /// The store.
    pub fn store_path(&self) -> PathBuf {
        self.root.join("db")
    }

    /// The search index. Its version is a part of the name: another one is made anew.
    pub fn search_path(&self) -> PathBuf {
        self.root.join("search-1")
    }

    /// The images.
    pub fn blobs_path(&self) -> PathBuf {
        self.root.join("blobs")
    }

    /// The socket of the running node.
    pub fn socket_path(&self) -> PathBuf {
        self.root.join("control.sock")
    }

    /// The folder for certificate authorities.
    pub fn trust_path(&self) -> PathBuf {
        self.root.join("trust")
    }

    fn key_path(&self) -> PathBuf {
        self.root.join("key")
    }
}

/// The commented settings file with some settings made.
fn with_settings(text: &str, settings: &[(&str, String)]) -> String {
    let mut lines = Vec::new();
    let mut section = String::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = format!("{name}.");
        }
        let name = line.strip_prefix("# ").and_then(|line| line.split_once(" = "));
        let set = name.and_then(|(name, _)| {
            let value = settings.iter().find(|(known, _)| *known == format!("{section}{name}"));
            value.map(|(_, value)| format!("{name} = {value}"))
        });
        lines.push(set.unwrap_or_else(|| line.to_owned()));
    }
    lines.join("\n") + "\n"
}
