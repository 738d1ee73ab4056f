//! A mutation: one passage of the code that is replaced, and must be missed.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// One file of `simulations/mutations`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutation {
    #[serde(skip)]
    pub name: String,
    /// What is wrong then.
    pub what: String,
    /// The invariant that it breaks.
    pub invariant: u8,
    /// The scenario that shows it.
    pub scenario: String,
    /// Where the passage stands, once.
    pub file: PathBuf,
    pub find: String,
    pub replace: String,
}

/// All mutations, in the order of their invariants.
pub fn mutations(root: &Path) -> Result<Vec<Mutation>, String> {
    let folder = root.join("simulations/mutations");
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", folder.display());
    let mut found = Vec::new();
    for file in std::fs::read_dir(&folder).map_err(|error| failed(&error))? {
        let path = file.map_err(|error| failed(&error))?.path();
        let text = std::fs::read_to_string(&path).map_err(|error| failed(&error))?;
        let mutation: Mutation =
            toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        found.push(Mutation { name, ..mutation });
    }
    found.sort_by(|a, b| (a.invariant, &a.name).cmp(&(b.invariant, &b.name)));
    Ok(found)
}

impl Mutation {
    /// The whole file with the passage replaced.
    pub fn mutated(&self, root: &Path) -> Result<String, String> {
        let path = root.join(&self.file);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        match text.matches(&self.find).count() {
            1 => Ok(text.replacen(&self.find, &self.replace, 1)),
            count => Err(format!(
                "the mutation {} looks for a passage that stands {count} times in {}: adapt \
                 simulations/mutations/{}.toml to the code",
                self.name,
                self.file.display(),
                self.name
            )),
        }
    }
}
