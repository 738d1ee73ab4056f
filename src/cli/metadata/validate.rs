//! `suq metadata validate`

use std::path::PathBuf;

use clap::Args;

use super::super::trust::read_anchors;
use super::super::{Common, Exit, output};
use crate::manifest::pki::Anchors;
use crate::manifest::{Trust, Verifier, check_schema, parse_unsigned};

/// Check manifests: form, rules, signature. Exit 5 when one is not valid.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq metadata validate image.xml
  suq metadata validate --strict --anchors /etc/grid-security/certificates *.xml
  suq metadata validate --unsigned draft.xml")]
pub(super) struct Validate {
    /// The manifests
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Do not look at the signature
    #[arg(long)]
    unsigned: bool,
    /// Apply the StratusLab schema too: order of elements, forms of values
    #[arg(long)]
    strict: bool,
    /// Check the signer's chain and revocation by the anchors in this folder
    #[arg(long, value_name = "DIR", conflicts_with = "unsigned")]
    anchors: Option<PathBuf>,
}

impl Validate {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        let verifier = Verifier::new();
        let folder = self.anchors.clone();
        let anchors = folder.map(|folder| read_anchors(common, Some(folder))).transpose()?;
        let mut invalid = Vec::new();
        let mut results = Vec::new();
        for file in &self.files {
            let checked = super::super::publish::read_document(file)
                .map_err(|exit| exit.message)
                .and_then(|document| self.check(document.as_bytes(), &verifier, anchors.as_ref()));
            let name = file.display().to_string();
            if checked.is_ok() && !common.json {
                output::line(format!("Valid: {name}"));
            }
            let fault = checked.err();
            results
                .push(serde_json::json!({"file": name, "valid": fault.is_none(), "fault": fault}));
            invalid.extend(fault.map(|fault| format!("Invalid: {name}: {fault}")));
        }
        if common.json {
            output::json(&results)?;
        }
        match invalid.is_empty() {
            true => Ok(()),
            false => Err(Exit::new(Exit::NOT_VERIFIED, invalid.join("\n"))),
        }
    }

    /// What is wrong with one document.
    fn check(
        &self,
        octets: &[u8],
        verifier: &Verifier,
        anchors: Option<&Anchors>,
    ) -> Result<(), String> {
        let fault = |error: crate::manifest::Unverified| error.to_string();
        if self.unsigned {
            parse_unsigned(octets).map_err(fault)?;
        } else {
            let verified = verifier.verify(octets).map_err(fault)?;
            let trust = anchors.map(|anchors| anchors.check(&verified));
            if let Some(Trust::Untrusted { reason }) = trust {
                return Err(reason);
            }
        }
        if self.strict { check_schema(octets).map_err(fault) } else { Ok(()) }
    }
}
