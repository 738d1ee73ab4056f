//! Which folder is the home.

use std::path::{Path, PathBuf};

/// The option, else `SUQ_HOME`, else `/var/lib/suq` for root, else
/// `$XDG_DATA_HOME/suq`, else `~/.local/share/suq`.
pub fn locate(
    option: Option<&Path>,
    is_root: bool,
    env: impl Fn(&str) -> Option<String>,
) -> PathBuf {
    let env = |name: &str| env(name).filter(|value| !value.is_empty());
    if let Some(path) = option {
        path.to_owned()
    } else if let Some(path) = env("SUQ_HOME") {
        path.into()
    } else if is_root {
        "/var/lib/suq".into()
    } else if let Some(path) = env("XDG_DATA_HOME") {
        Path::new(&path).join("suq")
    } else {
        Path::new(&env("HOME").unwrap_or_default()).join(".local/share/suq")
    }
}
