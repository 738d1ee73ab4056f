//! `suq status`

use clap::Args;

use super::{Common, Exit, ask, output};
use crate::http::metrics;
use crate::node::{Answer, Call, MirrorFailureView, MirrorView, StatusView};

/// How the node is.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq status
  suq status --json
  suq status --metrics > /var/lib/node_exporter/textfile/suq.prom")]
pub(crate) struct Status {
    /// Print metrics in Prometheus' text format
    #[arg(long, conflicts_with = "json")]
    metrics: bool,
}

impl Status {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        match ask::simple(common, &Call::Status)? {
            Answer::Status(status) if common.json => output::json(&status),
            Answer::Status(status) if self.metrics => {
                output::raw(metrics::site_lines(&status).as_bytes());
                Ok(())
            }
            Answer::Status(status) => {
                print(&status);
                Ok(())
            }
            other => Err(ask::unexpected(&other)),
        }
    }
}

fn print(status: &StatusView) {
    let documents = &status.documents;
    output::line(format!("site        {} ({})", status.name, status.peer));
    output::line(format!("federation  {}", status.federation));
    let membership = &status.membership;
    if membership.closed {
        let standing = match (membership.member, membership.expires) {
            (true, None) => "founder".to_owned(),
            (true, Some(expires)) => format!("member until {expires}"),
            (false, _) => "NO MEMBER: ask a member for a ticket".to_owned(),
        };
        output::line(format!("membership  {standing}, {} members", membership.members));
    }
    for address in &status.listening {
        output::line(format!("listening   {address}"));
    }
    for address in &status.http {
        output::line(format!("http        http://{address}/"));
    }
    for address in &status.https {
        output::line(format!("https       https://{address}/"));
    }
    for reason in &status.unready {
        output::line(format!("NOT READY   {reason}"));
    }
    output::line(format!("peers       {} connected", status.connected.len()));
    output::line(format!(
        "entries     {} admitted, {} withdrawn, {} refused, {} untrusted",
        documents.admitted, documents.withdrawn, documents.refused, documents.untrusted
    ));
    if documents.rejudging > 0 {
        output::line(format!("            {} to be judged again", documents.rejudging));
    }
    output::line(format!("images      {} in the store", status.blobs));
    if status.damaged > 0 {
        let count = status.damaged;
        output::line(format!("            {count} DAMAGED and not yet fetched again"));
    }
    print_mirror(&status.mirror);
    match (status.scrub.began, status.scrub.ended) {
        (Some(began), None) => {
            output::line(format!("            being read again since {began}"));
        }
        (Some(_), Some(ended)) => {
            output::line(format!("            all were read again until {ended}"));
        }
        (None, _) => {}
    }
    let reconciled = status.reconciled.iter().map(|(_, time)| *time).max();
    let reconciled = reconciled.map_or_else(|| "never".to_owned(), |time| time.to_string());
    output::line(format!("reconciled  {reconciled}, with {} peers", status.reconciled.len()));
    if status.anchors.is_empty() {
        output::line("trust       no authority: put certificates into the home's trust folder");
    }
    for anchor in &status.anchors {
        output::line(format!("trust       {anchor}"));
    }
    if let Some(broken) = &status.policy.broken {
        output::line(format!("policy      EVERYTHING IS REFUSED: {broken}"));
    }
    for warning in &status.policy.warnings {
        output::line(format!("policy      {warning}"));
    }
    for alert in &status.alerts {
        output::line(format!("alert       {alert}"));
    }
}

/// What the mirror rules have fetched, and what not.
fn print_mirror(mirror: &MirrorView) {
    if !mirror.active {
        return;
    }
    output::line(format!(
        "mirror      {} fetched since the start, {} to be fetched",
        mirror.fetched, mirror.waiting
    ));
    if let Some(image) = mirror.fetching {
        output::line(format!("            {image} is on its way"));
    }
    if mirror.failing > 0 {
        output::line(format!("            {} could not be fetched yet", mirror.failing));
    }
    for failure in &mirror.failures {
        let MirrorFailureView { identifier, attempts, reason, next } = failure;
        let reason = reason.lines().next().unwrap_or_default();
        output::line(format!(
            "            {identifier}: {reason} (tried {attempts} times, again at {next})"
        ));
    }
}
