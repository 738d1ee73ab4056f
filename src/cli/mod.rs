//! The command line: one file for each command.
//!
//! Architecture invariant: the only place that names clap and prints.

mod ask;
mod blob;
mod bundle;
mod checksum;
mod demo;
mod exit;
mod get;
mod init;
mod invite;
mod join;
mod key;
mod links;
mod logging;
mod metadata;
mod output;
mod pages;
mod peers;
mod policy;
mod progress;
mod publish;
mod query;
mod search;
mod serve;
mod status;
mod store;
mod stratuslab;
mod sync;
mod trust;
mod why;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

pub(crate) use exit::Exit;

/// What every command accepts, anywhere on the line.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// The node's folder [default: $SUQ_HOME, /var/lib/suq for root, else ~/.local/share/suq]
    #[arg(long, global = true, value_name = "DIR")]
    home: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    /// Say more on standard error; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// A marketplace for virtual-machine images with no one in the middle.
#[derive(Debug, Parser)]
#[command(name = "suq", version, propagate_version = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  suq demo --once                     see three sites work on this machine
  suq init --name orsay               make a node's home
  suq serve                           run the node
  suq invite                          a ticket for another site
  suq join suq1…                      join the federation of a ticket
  suq publish image.xml --image disk.raw
  suq search debian
  suq get IDENTIFIER -o disk.raw

Exit codes: 0 done; 1 failed; 2 wrong usage; 3 refused by policy; 4 not found;
5 not verified; 6 node or peers unreachable.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the home of a node: key, settings, policy
    Init(init::Init),
    /// Run the node
    Serve(serve::Serve),
    /// Show three sites at work on this machine
    Demo(demo::Demo),
    /// Print a ticket that lets another site join
    Invite(invite::Invite),
    /// Join the federation of a ticket
    Join(join::Join),
    /// List, add, let in or keep out peers
    Peers(peers::Peers),
    /// How the node is
    Status(status::Status),
    /// Reconcile the catalogue with peers now
    Sync(sync::Sync),
    /// Build, sign, validate, show or deprecate metadata, offline
    Metadata(metadata::Metadata),
    /// Publish a signed manifest, and its image with it
    Publish(publish::Publish),
    /// Carry a catalogue to a site without network, in one file
    Bundle(bundle::Bundle),
    /// Find images
    Search(search::Search),
    /// Show an image
    Show(query::Show),
    /// Show every entry of an image, per endorser, oldest first
    Timeline(query::Timeline),
    /// Say which rules decide about an image
    Why(why::Why),
    /// Check, show or reload the policy
    Policy(policy::Policy),
    /// List trust anchors, or say why a signer is trusted
    Trust(trust::Trust),
    /// Fetch an image, judged anew and verified
    Get(get::Get),
    /// Add, list, verify or remove stored images
    Blob(blob::BlobCommand),
    /// Check, rebuild or count the store
    Store(store::StoreCommand),
    /// Make links by whose names this program is StratusLab's commands
    Links(links::Links),
    /// Print shell completions
    Completions(pages::Completions),
    /// Print the manual page
    Man(pages::Man),
}

/// Runs the command of this process: the one that its link is named after, or one of suq.
pub fn main() -> ExitCode {
    if let Some(ended) = stratuslab::main(std::env::args_os()) {
        return ended;
    }
    let cli = Cli::parse();
    let log_format = match &cli.command {
        Command::Serve(serve) => Some(serve.log_format()),
        _ => None,
    };
    logging::start(cli.common.verbose, log_format);
    let common = cli.common;
    let ended = match cli.command {
        Command::Init(command) => command.run(&common),
        Command::Bundle(command) => command.run(&common),
        Command::Serve(command) => command.run(&common),
        Command::Demo(command) => command.run(&common),
        Command::Invite(command) => command.run(&common),
        Command::Join(command) => command.run(&common),
        Command::Peers(command) => command.run(&common),
        Command::Status(command) => command.run(&common),
        Command::Sync(command) => command.run(&common),
        Command::Metadata(command) => command.run(&common),
        Command::Publish(command) => command.run(&common),
        Command::Search(command) => command.run(&common),
        Command::Show(command) => command.run(&common),
        Command::Timeline(command) => command.run(&common),
        Command::Why(command) => command.run(&common),
        Command::Policy(command) => command.run(&common),
        Command::Trust(command) => command.run(&common),
        Command::Get(command) => command.run(&common),
        Command::Blob(command) => command.run(&common),
        Command::Store(command) => command.run(&common),
        Command::Links(command) => command.run(&common),
        Command::Completions(command) => command.run(),
        Command::Man(command) => command.run(),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => {
            output::error(&exit.message);
            ExitCode::from(exit.code)
        }
    }
}
