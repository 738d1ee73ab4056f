//! `suq links`

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Common, Exit, output, stratuslab};

/// Make links by whose names this program is StratusLab's commands.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq links ~/bin                     stratus-build-metadata and the others
  suq links /usr/local/bin --force    also in the place of StratusLab's client

What is there and no link to this program stays, and then nothing is made at all, unless
--force is given. Links that are there already stay, too.")]
pub(crate) struct Links {
    /// The folder of the links
    folder: PathBuf,
    /// Put links in the place of other files
    #[arg(long)]
    force: bool,
}

impl Links {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        let program = std::env::current_exe()
            .and_then(fs::canonicalize)
            .map_err(|error| Exit::failed(format!("the path of this program: {error}")))?;
        fs::create_dir_all(&self.folder).map_err(Exit::io(&self.folder))?;
        let (mut kept, mut wanted, mut taken) = (Vec::new(), Vec::new(), Vec::new());
        for name in stratuslab::names() {
            let link = self.folder.join(&name);
            match Place::of(&link, &program).map_err(Exit::io(&link))? {
                Place::Own => kept.push(name),
                Place::Free => wanted.push(name),
                Place::Taken if self.force => wanted.push(name),
                Place::Taken => taken.push(name),
            }
        }
        if !taken.is_empty() {
            return Err(Exit::failed(format!(
                "{}: no link of this program, and so nothing was made: {}; --force replaces them",
                self.folder.display(),
                taken.join(", ")
            )));
        }
        for name in &wanted {
            put(&self.folder.join(name), &program)?;
        }
        if common.json {
            let answer = serde_json::json!({"program": program, "made": wanted, "kept": kept});
            return output::json(&answer);
        }
        wanted.iter().for_each(|name| output::line(format!("made {name}")));
        let (folder, program) = (self.folder.display(), program.display());
        let (made, kept) = (wanted.len(), kept.len());
        output::line(format!("{folder}: {made} links made, {kept} there already, to {program}"));
        Ok(())
    }
}

/// What has the name of a link.
enum Place {
    Free,
    /// A link to this program.
    Own,
    Taken,
}

impl Place {
    fn of(link: &Path, program: &Path) -> io::Result<Place> {
        match fs::symlink_metadata(link) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Place::Free),
            Err(error) => Err(error),
            Ok(found) if !found.is_symlink() => Ok(Place::Taken),
            // A link that leads nowhere is somebody's, too.
            Ok(_) => match fs::canonicalize(link) {
                Ok(target) if target == program => Ok(Place::Own),
                _ => Ok(Place::Taken),
            },
        }
    }
}

/// Makes a link under another name first: where one is replaced, it is never missing.
fn put(link: &Path, program: &Path) -> Result<(), Exit> {
    let mut name = link.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let new = PathBuf::from(name);
    symlink(program, &new).map_err(Exit::io(&new))?;
    fs::rename(&new, link).map_err(|error| {
        let _ = fs::remove_file(&new);
        Exit::io(link)(error)
    })
}
