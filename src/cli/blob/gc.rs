//! `suq blob gc`

use clap::Args;

use super::super::{Common, Exit, ask, output};
use crate::home::Home;
use crate::model::Size;
use crate::node::{Answer, Call, Collect, CollectView, CollectedView, KeptReason};

/// Takes away the least recently used images that the quota has no place for.
#[derive(Debug, Args)]
#[command(after_help = "\
What a current entry names, what is pinned and what is being read or fetched stays, and
so does the last copy that is known: the running node asks its peers. Leftovers of
transfers that nobody went on with for 30 days go too.

Examples:
  suq blob gc --dry-run
  suq blob gc --quota '50 GB'
  suq blob gc --quota 0 --force          everything that no current entry names")]
pub(super) struct Gc {
    /// Only say what would go
    #[arg(long)]
    dry_run: bool,
    /// Also take away the last copy that is known
    #[arg(long)]
    force: bool,
    /// Collect down to this, not to the `quota` of suq.toml
    #[arg(long, value_name = "SIZE")]
    quota: Option<Size>,
}

impl Gc {
    pub(super) fn run(self, common: &Common, home: &Home) -> Result<(), Exit> {
        let order = Collect {
            dry_run: self.dry_run,
            force: self.force,
            room: 0,
            quota: self.quota.map(|size| size.0),
        };
        match ask::call(home, &Call::Collect(order), |_| {})? {
            Answer::Collected(view) if common.json => output::json(&view),
            Answer::Collected(view) => {
                print(&view);
                Ok(())
            }
            other => Err(ask::unexpected(&other)),
        }
    }
}

fn print(view: &CollectView) {
    let went = if view.dry_run { "would go" } else { "removed" };
    let row = |image: &CollectedView, fate: &str| {
        [
            image.identifier.to_string(),
            output::bytes(image.disk_bytes),
            image.used.to_string(),
            fate.to_owned(),
        ]
    };
    let removed = view.removed.iter().map(|image| row(image, went));
    let kept = view.kept.iter().map(|kept| row(&kept.image, reason(kept.reason)));
    let rows: Vec<[String; 4]> = removed.chain(kept).collect();
    if !rows.is_empty() {
        output::table(["IDENTIFIER", "ON DISK", "LAST USED", ""], &rows);
    }
    if view.leftovers > 0 {
        let bytes = output::bytes(view.leftover_bytes);
        output::line(format!("{} leftovers {went}, {bytes}", view.leftovers));
    }
    let after = output::bytes(view.after);
    match view.quota {
        None => output::line(format!("images take {after}; there is no quota")),
        Some(quota) => {
            let quota = output::bytes(quota);
            output::line(format!("images take {after} of {quota}"));
        }
    }
    if view.excess > 0 {
        let excess = output::bytes(view.excess);
        output::line(format!("{excess} more than the quota stay: nothing else may go"));
    }
}

fn reason(reason: KeptReason) -> &'static str {
    match reason {
        KeptReason::InUse => "stays: in use",
        KeptReason::Pinned => "stays: pinned",
        KeptReason::Named => "stays: a current entry names it",
        KeptReason::LastCopy => "stays: the last copy that is known (--force)",
    }
}
