//! `stratus-policy-image`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Parser;

use super::super::policy::{read_rules, use_now};
use super::super::{Exit, ask, output};
use super::marketplace::{EndpointOptions, parts, verified};
use super::{FAILED, Named, Talk};
use crate::home::anchors_of;
use crate::manifest::pki::Anchors;
use crate::manifest::{Trust, Verified};
use crate::model::Identifier;
use crate::policy::Policy;

/// Where the grid keeps its authorities.
const GRID_ANCHORS: &str = "/etc/grid-security/certificates";

/// Evaluate the site's policy for an image of the Marketplace.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "\
Examples:
  stratus-policy-image MMZu9WvwKIro-rtBQfDk4PsKO7_
  stratus-policy-image --policy policy.cfg --anchors /etc/grid-security/certificates \\
      MMZu9WvwKIro-rtBQfDk4PsKO7_

Verifies the signature of each current entry of the image and judges it by the policy
file; prints the URL of the first that may be used, or why none may. Signers are compared
with anchors when --anchors or [trust] in the policy file asks for it; otherwise the
Marketplace has judged them, as a suq node does."
)]
pub(super) struct PolicyImage {
    #[command(flatten)]
    talk: Talk,
    #[command(flatten)]
    endpoint: EndpointOptions,
    /// Policy configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/stratuslab/policy.cfg")]
    policy: PathBuf,
    /// Trust only the authorities in this folder [default, when the policy asks for trust:
    /// /etc/grid-security/certificates]
    #[arg(long, value_name = "DIR")]
    anchors: Option<PathBuf>,
    /// Identifier of the image, or IDENTIFIER/EMAIL/DATE
    #[arg(value_name = "IMAGE-ID")]
    image: String,
}

impl Named for PolicyImage {
    fn talk(&self) -> &Talk {
        &self.talk
    }
}

impl PolicyImage {
    pub(super) fn run(self) -> Result<(), Exit> {
        let (identifier, path) = parts(&self.image)?;
        // A policy that cannot be read allows nothing, so it is read first.
        let rules = read_rules(&self.policy)?;
        let anchors = anchors(&rules, self.anchors.as_deref())?;
        let rules = if anchors.is_some() { rules } else { rules.of_judged_signers() };
        let marketplace = self.endpoint.marketplace()?;
        let url = marketplace.endpoint.at(&[&["metadata"][..], &path].concat());
        let documents = ask::block_on(marketplace.documents(&url))??;
        let (entries, mut reasons) = verified(&documents);
        if documents.is_empty() {
            reasons.push(format!("{url}: no metadata matching query found"));
        }
        let judge = Judge { rules, anchors, identifier, entries };
        let endorsements = judge.endorsements();
        for entry in &judge.entries {
            let key = entry.manifest().key();
            match judge.entry(entry, endorsements) {
                Ok(()) => {
                    reasons.iter().for_each(|reason| self.talk.detail(reason));
                    output::line(marketplace.url(&key));
                    return Ok(());
                }
                Err(reason) => reasons.push(format!("{key}: {reason}, rejecting entry")),
            }
        }
        reasons.iter().for_each(|reason| output::note(reason));
        output::note("Image isn't valid according to site policy");
        Err(Exit::new(FAILED, ""))
    }
}

/// The anchors that signers are compared with; none when nothing asks for that.
fn anchors(rules: &Policy, named: Option<&Path>) -> Result<Option<Anchors>, Exit> {
    let folder = match named {
        Some(folder) => folder,
        None if rules.says_whom_to_trust() => Path::new(GRID_ANCHORS),
        None => return Ok(None),
    };
    let anchors = anchors_of(folder).map_err(|error| {
        Exit::failed(format!("{error}; signers cannot be judged: name a folder with --anchors"))
    })?;
    for fault in anchors.faults() {
        output::note(&format!("warning: {fault}"));
    }
    Ok(Some(anchors))
}

struct Judge {
    rules: Policy,
    anchors: Option<Anchors>,
    identifier: Identifier,
    entries: Vec<Verified>,
}

impl Judge {
    /// How many endorsers have an entry that may be used, however many are needed.
    fn endorsements(&self) -> usize {
        let usable = self.entries.iter().filter(|entry| self.entry(entry, usize::MAX).is_ok());
        usable.map(|entry| &entry.manifest().endorsement.email).collect::<BTreeSet<_>>().len()
    }

    /// Whether an entry may be used, or the reason of the first rule that says no.
    fn entry(&self, entry: &Verified, endorsements: usize) -> Result<(), String> {
        let Judge { rules, anchors, identifier, entries } = self;
        let key = entry.manifest().key();
        if key.identifier != *identifier {
            return Err(format!("it is of another image than {identifier}"));
        }
        let latest = !entries.iter().any(|other| {
            let other = other.manifest().key();
            (other.identifier, &other.email) == (key.identifier, &key.email)
                && other.created > key.created
        });
        let nobody = || Trust::Untrusted { reason: "no anchors are named".to_owned() };
        let trust = anchors.as_ref().map_or_else(nobody, |anchors| anchors.check(entry));
        let verdict = rules.judge(entry, &use_now(rules, &trust, latest, endorsements));
        match verdict.refusal() {
            None => Ok(()),
            Some(step) => {
                let place = step.source.as_ref().map(|source| format!(" ({source})"));
                Err(format!("{}{}", step.reason, place.unwrap_or_default()))
            }
        }
    }
}
