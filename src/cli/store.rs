//! `suq store`

use clap::{Args, Subcommand};

use super::{Common, Exit, ask, output};
use crate::manifest::Verifier;
use crate::store::{OpenError, Store};

/// Check, rebuild or count the store. The node must not be running.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  suq store check\n  suq store rebuild\n  suq store stats --json"
)]
pub(crate) struct StoreCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Read everything, verify every signature and every index
    Check,
    /// Make every index again from the entries
    Rebuild,
    /// Count what is in it
    Stats,
}

impl StoreCommand {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        let home = ask::home(common)?;
        let failed = |error: OpenError| Exit::failed(error.to_string());
        let store = Store::open(&home.store_path()).map_err(failed)?;
        match self.action {
            Action::Check => check(common, &store),
            Action::Rebuild => Ok(store.rebuild()?),
            Action::Stats => {
                let counts = store.counts()?;
                if common.json {
                    return output::json(&counts);
                }
                output::line(format!("entries   {}", counts.entries));
                output::line(format!("refusals  {}", counts.refusals));
                output::line(format!("peers     {}", counts.peers));
                output::line(format!("size      {}", output::bytes(counts.bytes)));
                Ok(())
            }
        }
    }
}

fn check(common: &Common, store: &Store) -> Result<(), Exit> {
    let verifier = Verifier::new();
    let report = store.check(|entry| {
        let verified = verifier.verify(&entry.document).map_err(|error| error.to_string())?;
        if verified.content_id() != entry.id || verified.manifest().key() != entry.record.key {
            return Err("the document is not the one that was stored here".to_owned());
        }
        Ok(())
    })?;
    if common.json {
        output::json(&report)?;
    } else {
        let (entries, refusals) = (report.entries, report.refusals);
        output::line(format!("{entries} entries and {refusals} refusals read"));
    }
    if report.faults.is_empty() { Ok(()) } else { Err(Exit::failed(report.faults.join("\n"))) }
}
