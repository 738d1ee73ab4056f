//! `suq sync`

use std::collections::BTreeMap;

use clap::Args;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};

use super::progress::count_bar;
use super::{Common, Exit, ask, output};
use crate::engine::{ChangeKind, SyncReport};
use crate::model::Peer;
use crate::node::{Answer, Call};

/// Reconcile the catalogue with peers now.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  suq sync\n  suq sync 12D3KooW…\n\n\
    With --json: a list with one object for each peer, the fields of `suq::engine::SyncReport`.")]
pub(crate) struct Sync {
    /// Only with this peer [default: with every connected one]
    peer: Option<Peer>,
}

impl Sync {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        let mut bars = Bars::new();
        let answer = ask::call(&ask::home(common)?, &Call::Sync(self.peer), |answer| {
            if let Answer::Syncing(reports) = answer {
                reports.iter().for_each(|report| bars.show(report));
            }
        });
        // Nobody looks at a terminal that is gone.
        let _ = bars.all.clear();
        match answer? {
            Answer::Synced(reports) if common.json => output::json(&reports),
            Answer::Synced(reports) => {
                reports.iter().for_each(tell);
                Ok(())
            }
            other => Err(ask::unexpected(&other)),
        }
    }
}

/// A bar for each peer on a terminal; elsewhere a line when a peer's numbers are known.
struct Bars {
    all: MultiProgress,
    of: BTreeMap<Peer, ProgressBar>,
}

impl Bars {
    fn new() -> Bars {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        Bars { all, of: BTreeMap::new() }
    }

    fn show(&mut self, report: &SyncReport) {
        let SyncReport { peer, missing, received, .. } = report;
        if *missing == 0 {
            return;
        }
        let bar = self.of.entry(*peer).or_insert_with(|| {
            if self.all.is_hidden() {
                output::note(&format!("{peer}: {missing} documents to fetch"));
            }
            self.all.add(count_bar(*missing, &peer.to_string()))
        });
        bar.set_length(*missing);
        bar.set_position(*received);
    }
}

/// What changed, for people.
fn tell(report: &SyncReport) {
    let SyncReport { peer, missing, received, admitted, deprecated, refused, .. } = report;
    let how = if report.listed { "by its list" } else { "range by range" };
    let size = output::bytes(report.bytes);
    let rounds = report.rounds;
    output::line(format!(
        "{peer}: {admitted} new entries, {deprecated} deprecations, {refused} refused; {received} of \
         {missing} missing documents came; compared {how} in {rounds} rounds, {size}"
    ));
    for change in &report.changes {
        let what = match change.kind {
            ChangeKind::Admitted => "new",
            ChangeKind::Deprecated => "deprecated",
            ChangeKind::Refused => "refused",
        };
        output::line(format!("  {what} {}", change.key));
    }
    let counted = admitted + deprecated + refused;
    let named = report.changes.len() as u64;
    if counted > named {
        output::line(format!("  and {} more", counted - named));
    }
    if let Some(failure) = &report.failure {
        output::line(format!("  ended early: {failure}"));
    }
}
