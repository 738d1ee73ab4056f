//! `suq policy`

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{Common, Exit, ask, output, publish, trust, why};
use crate::manifest::Trust;
use crate::node::{Answer, Call, ImageName, JudgedEntry, PolicyView, WhyView};
use crate::policy::{Context, Policy as Rules, Purpose};

/// Check, show or reload the policy.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq policy show
  suq policy check manifest.xml
  suq policy check MMZu9WvwKIro-rtBQfDk4PsKO7_
  suq policy check manifest.xml --policy new.cfg --anchors /etc/grid-security/certificates
  suq policy reload")]
pub(crate) struct Policy {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say what the rules decide about an image of the catalogue or a signed file
    Check {
        /// Identifier, checksum, or file
        image: String,
        /// Judge a file by this policy instead, without home or node
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        /// Trust the anchors of this folder [default: those of the home]
        #[arg(long, value_name = "DIR", requires = "policy")]
        anchors: Option<PathBuf>,
    },
    /// Show the policy file with what is wrong in it
    Show,
    /// Read policy and trust again, and judge everything by them
    Reload,
}

impl Policy {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        match self.action {
            Action::Check { image, policy: None, .. } => check(common, &image),
            Action::Check { image, policy: Some(policy), anchors } => {
                check_offline(common, &PathBuf::from(image), &policy, anchors)
            }
            Action::Show => show(common),
            Action::Reload => match ask::simple(common, &Call::Reload)? {
                Answer::Policy(policy) => print(common, &policy),
                other => Err(ask::unexpected(&other)),
            },
        }
    }
}

fn check(common: &Common, image: &str) -> Result<(), Exit> {
    let file = PathBuf::from(image);
    let call = if file.is_file() {
        Call::Check(publish::read_document(&file)?)
    } else {
        let image: ImageName = image.parse().map_err(|error| {
            Exit::new(Exit::USAGE, format!("{error}; and there is no such file"))
        })?;
        Call::Why { image, email: None, created: None }
    };
    match ask::simple(common, &call)? {
        Answer::Why(view) => verdict(common, view),
        other => Err(ask::unexpected(&other)),
    }
}

/// Judges a signed file by a policy file: what would be decided if it were the
/// latest entry of its endorser in a fresh catalogue.
fn check_offline(
    common: &Common,
    file: &Path,
    policy: &Path,
    anchors: Option<PathBuf>,
) -> Result<(), Exit> {
    let document = publish::read_document(file)?;
    let verified = publish::verify(file, &document)?;
    let rules = read_rules(policy)?;
    let trust = trust::read_anchors(common, anchors)?.check(&verified);
    let context = use_now(&rules, &trust, true, 1);
    let judged = JudgedEntry {
        key: verified.manifest().key(),
        content_id: verified.content_id(),
        status: None,
        signer: Some(verified.signer().clone()),
        verdict: rules.judge(&verified, &context),
        mirror: rules.judge_mirror(verified.manifest()),
    };
    let identifier = verified.manifest().identifier;
    verdict(common, WhyView { identifier, entries: vec![judged] })
}

/// Reads a policy file, and warns of items that can never match.
pub(super) fn read_rules(policy: &Path) -> Result<Rules, Exit> {
    let text = std::fs::read_to_string(policy).map_err(Exit::io(policy))?;
    let rules = Rules::parse(&policy.display().to_string(), &text)
        .map_err(|error| Exit::new(Exit::REFUSED, error.to_string()))?;
    for warning in rules.warnings() {
        output::note(&format!("warning: {warning}"));
    }
    Ok(rules)
}

/// A judgement of an image's use now, as if the catalogue were fresh.
pub(super) fn use_now<'a>(
    rules: &Rules,
    trust: &'a Trust,
    latest: bool,
    endorsements: usize,
) -> Context<'a> {
    Context {
        now: output::now(),
        trust,
        purpose: Purpose::Use {
            latest,
            endorsements,
            reconciled: Some(Duration::ZERO),
            reconciled_peers: usize::MAX,
        },
        rules: rules.digest(),
    }
}

fn verdict(common: &Common, verdicts: WhyView) -> Result<(), Exit> {
    if common.json {
        output::json(&verdicts)?;
    } else {
        why::print(&verdicts);
    }
    let WhyView { identifier, entries } = verdicts;
    if entries.iter().any(|entry| entry.verdict.is_allowed()) {
        Ok(())
    } else {
        let message = format!("{identifier} is not allowed by this site's policy");
        Err(Exit::new(Exit::REFUSED, message))
    }
}

fn show(common: &Common) -> Result<(), Exit> {
    match ask::simple(common, &Call::Policy)? {
        Answer::Policy(policy) => {
            if !common.json {
                let text = std::fs::read_to_string(&policy.file).unwrap_or_default();
                output::line(text.trim_end());
                output::line("");
            }
            print(common, &policy)
        }
        other => Err(ask::unexpected(&other)),
    }
}

fn print(common: &Common, policy: &PolicyView) -> Result<(), Exit> {
    if common.json {
        output::json(policy)?;
    } else {
        output::line(format!("in force: {}", policy.file));
        policy.mirror.iter().for_each(|rule| output::line(format!("fetched by itself: {rule}")));
        policy.warnings.iter().for_each(|warning| output::line(format!("warning: {warning}")));
    }
    match &policy.broken {
        None => Ok(()),
        Some(broken) => Err(Exit::new(Exit::REFUSED, broken.clone())),
    }
}
