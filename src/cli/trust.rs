//! `suq trust`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Common, Exit, ask, output, publish};
use crate::home::anchors_of;
use crate::manifest::pki::{AnchorView, Anchors, Explanation};
use crate::manifest::{Trust as Opinion, Verified};
use crate::model::Timestamp;

/// Show whom this site trusts, and why it trusts a signer or not.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq trust list
  suq trust list --anchors /etc/grid-security/certificates
  suq trust check manifest.xml

Anchors are <hash>.0, .pem and .crt files; <hash>.r0 and .crl are revocation lists;
.signing_policy and .namespaces say which subjects an anchor may certify. After a
change: `suq policy reload`.")]
pub(crate) struct Trust {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the anchors with their revocation lists and signing policies
    List {
        /// A folder of anchors, instead of the home's
        #[arg(long, value_name = "DIR")]
        anchors: Option<PathBuf>,
    },
    /// Say whether the signer of a manifest is trusted, by which anchor, and why
    Check {
        /// The signed manifest
        file: PathBuf,
        /// A folder of anchors, instead of the home's
        #[arg(long, value_name = "DIR")]
        anchors: Option<PathBuf>,
    },
}

impl Trust {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        match self.action {
            Action::List { anchors } => list(common, &anchors_in(common, anchors)?),
            Action::Check { file, anchors } => {
                check(common, &file, &read_anchors(common, anchors)?)
            }
        }
    }
}

/// The anchors of a folder, or those of the home; warns of files that cannot be read.
pub(super) fn read_anchors(common: &Common, folder: Option<PathBuf>) -> Result<Anchors, Exit> {
    let anchors = anchors_in(common, folder)?;
    for fault in anchors.faults() {
        output::note(&format!("warning: {fault}"));
    }
    Ok(anchors)
}

fn anchors_in(common: &Common, folder: Option<PathBuf>) -> Result<Anchors, Exit> {
    let read = match folder {
        Some(folder) => anchors_of(&folder),
        None => {
            let home = ask::home(common)?;
            let settings = home.settings()?;
            home.anchors(&settings)
        }
    };
    Ok(read?)
}

fn list(common: &Common, anchors: &Anchors) -> Result<(), Exit> {
    let (list, pins) = (anchors.list(), anchors.pins().collect::<Vec<_>>());
    if common.json {
        let faults = anchors.faults();
        return output::json(&serde_json::json!({"anchors": list, "pins": pins, "faults": faults}));
    }
    if anchors.is_empty() {
        output::line("nothing is trusted: put a certificate authority into the trust folder");
    }
    for AnchorView { subject, file, not_after, revocations, signing_policy, .. } in list {
        output::line(subject);
        output::line(format!("  file            {file}"));
        output::line(format!("  valid until     {not_after}{}", passed(Some(not_after))));
        let list = revocations.map(|list| {
            let until = list.next_update.map_or("ever".to_owned(), |until| until.to_string());
            format!("{} until {until}{}", list.file, passed(list.next_update))
        });
        output::line(format!("  revocations     {}", list.as_deref().unwrap_or("no list")));
        let policy = signing_policy.as_deref().unwrap_or("none: every subject");
        output::line(format!("  signing policy  {policy}"));
    }
    pins.iter().for_each(|pin| output::line(format!("pinned certificate {pin}")));
    anchors.faults().iter().for_each(|fault| output::line(format!("NOT USED  {fault}")));
    Ok(())
}

/// A word of warning beside a time that is over.
fn passed(time: Option<Timestamp>) -> &'static str {
    if time.is_some_and(|time| time < output::now()) { "  STALE" } else { "" }
}

fn check(common: &Common, file: &std::path::Path, anchors: &Anchors) -> Result<(), Exit> {
    let document = publish::read_document(file)?;
    let verified = publish::verify(file, &document)?;
    let explanation = anchors.explain(&verified);
    if common.json {
        let signer = verified.signer();
        output::json(&serde_json::json!({"signer": signer, "explanation": explanation}))?;
    } else {
        print(&verified, &explanation);
    }
    match explanation.trust {
        Opinion::Untrusted { reason } => Err(Exit::new(Exit::REFUSED, reason)),
        Opinion::Anchored { .. } | Opinion::Pinned => Ok(()),
    }
}

fn print(verified: &Verified, explanation: &Explanation) {
    let signer = verified.signer();
    output::line(format!("signer          {}", signer.subject));
    output::line(format!("certificate     {}", signer.certificate));
    output::line(format!("endorsed        {}", verified.manifest().endorsement.created));
    for link in explanation.chain.iter().skip(1) {
        let file = link.anchor.as_ref().map_or("from the document".to_owned(), Clone::clone);
        output::line(format!("issued by       {} ({file})", link.subject));
    }
    for link in &explanation.chain {
        if let Some(list) = &link.revocations {
            let stale = passed(list.next_update);
            output::line(format!("revocations     {}{stale} for {}", list.file, link.subject));
        }
        if let Some(policy) = &link.signing_policy {
            output::line(format!("signing policy  {policy} for {}", link.subject));
        }
    }
    match &explanation.trust {
        Opinion::Anchored { anchor, .. } => output::line(format!("TRUSTED         by {anchor}")),
        Opinion::Pinned => output::line("TRUSTED         its certificate is pinned"),
        Opinion::Untrusted { .. } => output::line("NOT TRUSTED"),
    }
}
