//! The commands of StratusLab's client: what this program is when it is called through a link
//! of their name. Options, environment, files and exit codes are those of the originals.
//!
//! They need no home: they speak to a Marketplace over HTTP.

mod build;
mod deprecate;
mod download;
mod later;
mod marketplace;
mod names;
mod policy;
mod sign;
mod upload;
mod user;
mod validate;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{ArgAction, Args, Parser};

use super::{Exit, logging, output};

pub(super) use names::{Work, names, of_name};

/// What ended with an error, but was meant as it was typed.
const FAILED: u8 = 255;

/// What could not be signed.
const UNSIGNED: u8 = 1;

/// What every command of StratusLab's client accepts.
#[derive(Debug, Args)]
struct Talk {
    /// Say more; three times for everything
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,
    /// Say less: twice for no warnings
    #[arg(short, long, action = ArgAction::Count)]
    quiet: u8,
}

impl Talk {
    /// What only matters to who asked for more.
    fn detail(&self, text: &str) {
        if self.verbose > 0 {
            output::note(text);
        }
    }

    /// What is done all the same, but perhaps was not meant.
    fn warning(&self, text: &str) {
        if self.quiet < 2 {
            output::note(&format!("warning: {text}"));
        }
    }
}

/// Runs the command whose name this process was called by; none when it is called by
/// another name.
pub(super) fn main(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let called = arguments.next()?;
    let name = Path::new(&called).file_name()?.to_str()?.to_owned();
    let work = of_name(&name)?;
    Some(match run(work, &name, arguments.collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => {
            if !exit.message.is_empty() {
                output::error_of(&name, &exit.message);
            }
            ExitCode::from(exit.code)
        }
    })
}

fn run(work: Work, name: &str, arguments: Vec<OsString>) -> Result<(), Exit> {
    match work {
        Work::Build => {
            // The slides write --version for the image's.
            let command = build::Build::command_for(name).disable_version_flag(true);
            let command = command.mut_arg("image_version", |arg| arg.visible_alias("version"));
            parsed::<build::Build>(command, arguments).run().map_err(failed)
        }
        Work::Sign => parse::<sign::Sign>(name, arguments).run(),
        Work::Validate => parse::<validate::Validate>(name, arguments).run(),
        Work::Upload => parse::<upload::Upload>(name, arguments).run().map_err(failed),
        Work::Deprecate => parse::<deprecate::Deprecate>(name, arguments).run(),
        Work::Policy => parse::<policy::PolicyImage>(name, arguments).run().map_err(failed),
        Work::Download => {
            let command = download::Download::command_for(name);
            let command = command
                .mut_arg("marketplace_endpoint", |arg| arg.short('e').visible_alias("endpoint"));
            parsed::<download::Download>(command, arguments).run().map_err(failed)
        }
        Work::Later => Err(later::refuse(name)),
    }
}

/// A command by the name of its link.
trait Named: Parser {
    fn command_for(name: &str) -> clap::Command {
        Self::command().display_name(name).bin_name(name).infer_long_args(true)
    }

    /// How much it says.
    fn talk(&self) -> &Talk;
}

fn parse<C: Named>(name: &str, arguments: Vec<OsString>) -> C {
    parsed(C::command_for(name), arguments)
}

/// Ends the process with its code for wrong usage where that is what it is.
fn parsed<C: Named>(command: clap::Command, arguments: Vec<OsString>) -> C {
    let matches = command.no_binary_name(true).get_matches_from(arguments);
    let command = C::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    logging::start(command.talk().verbose.saturating_sub(1), None);
    command
}

/// The code of what failed; wrong usage has its own.
fn failed(exit: Exit) -> Exit {
    let code = if exit.code == Exit::USAGE { Exit::USAGE } else { FAILED };
    Exit { code, ..exit }
}

/// The code of what could not be signed.
fn unsigned(exit: Exit) -> Exit {
    Exit { code: UNSIGNED, ..exit }
}

/// A file that was named must be there: anything else is wrong usage.
fn must_be_file(file: &Path, what: &str) -> Result<(), Exit> {
    if file.is_file() {
        return Ok(());
    }
    Err(Exit::new(Exit::USAGE, format!("{what} does not exist: {}", file.display())))
}
