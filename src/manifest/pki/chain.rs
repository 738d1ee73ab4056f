//! Whether a signer is trusted: the chain to an anchor when the document was
//! endorsed, revocation now, and what the anchor may certify.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::X509VerifyParam;
use openssl::x509::{X509, X509NameRef, X509PurposeId, X509Ref, X509StoreContext};
use serde::Serialize;

use super::Certificate;
use super::anchors::{Anchors, Permitted};
use super::cache::{ChainKey, Checked};
use super::certificate;
use super::revocation::{RevocationList, RevocationView};
use crate::manifest::{Profile, Trust, Verified};
use crate::model::{Sha256, Timestamp};

/// End of the archive profile: documents endorsed earlier may rest on SHA-1 and
/// short keys, because nothing better was in use.
const ARCHIVE_END: Timestamp = Timestamp::from_seconds(1_483_228_800);

/// OpenSSL's level 2: keys of 112 bits of strength (RSA-2048), no SHA-1.
const MODERN_LEVEL: i32 = 2;

/// Longest chain between leaf and anchor.
const MAX_DEPTH: i32 = 8;

/// What a check looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The outcome.
    pub trust: Trust,
    /// The chain from the signer to the anchor; empty when there is none.
    pub chain: Vec<Link>,
}

/// A certificate of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Subject in the form of RFC 2253.
    pub subject: String,
    /// The anchor file, when it is an anchor.
    pub anchor: Option<String>,
    /// The list of its issuer that was consulted; none when there is none.
    pub revocations: Option<RevocationView>,
    /// The file that permits its issuer to certify it; none when nothing limits that.
    pub signing_policy: Option<String>,
}

impl Anchors {
    /// What this site thinks of a document's signer: pinned, or chained to an
    /// anchor when it was endorsed and not revoked by the lists at hand.
    pub fn check(&self, document: &Verified) -> Trust {
        if self.pins.contains(&document.signer().certificate) {
            return Trust::Pinned;
        }
        let key = chain_key(document);
        if let Some(trust) = self.checked.get(&key, endorsed(document)) {
            return trust;
        }
        let (explanation, dates) = self.look_at(document);
        let trust = explanation.trust;
        if let Some(dates) = dates {
            self.checked.insert(key, Checked { trust: trust.clone(), dates });
        }
        trust
    }

    /// The same, with everything that was looked at.
    pub fn explain(&self, document: &Verified) -> Explanation {
        if self.pins.contains(&document.signer().certificate) {
            return Explanation { trust: Trust::Pinned, chain: Vec::new() };
        }
        self.look_at(document).0
    }

    /// What is found about a signer, and when there is a chain, the dates for which
    /// all this holds.
    fn look_at(&self, document: &Verified) -> (Explanation, Option<RangeInclusive<Timestamp>>) {
        let mut certificates = document.certificates().iter();
        let leaf = certificates.next().and_then(|der| Certificate::parse(der).ok());
        let Some(leaf) = leaf else {
            return (untrusted("its certificate cannot be read".to_owned()), None);
        };
        let others: Vec<X509> = certificates.filter_map(|der| X509::from_der(der).ok()).collect();
        match self.chain_of(&leaf, others, endorsed(document), in_archive(document)) {
            Ok(chain) => (self.check_chain(&chain), dates(&chain)),
            Err(reason) => (untrusted(reason), None),
        }
    }

    /// The chain of a leaf to an anchor when the document was endorsed, or why there
    /// is none.
    fn chain_of(
        &self,
        leaf: &Certificate,
        others: Vec<X509>,
        created: Timestamp,
        archive: bool,
    ) -> Result<Vec<X509>, String> {
        let subject = leaf.subject();
        if leaf.is_proxy() {
            return Err(format!("`{subject}` is a proxy certificate, which cannot endorse"));
        }
        if self.certificates.is_empty() {
            let what = "this site trusts no certificate authority: put one into its trust folder";
            return Err(what.to_owned());
        }
        match self.chain(leaf, others, created, archive) {
            Err(error) => Err(format!("OpenSSL could not check `{subject}`: {error}")),
            Ok(Err(reason)) => Err(format!("`{subject}` (at {created}): {reason}")),
            Ok(Ok(chain)) => Ok(chain),
        }
    }

    /// Whether the issuers in a chain stand by it.
    fn check_chain(&self, chain: &[X509]) -> Explanation {
        let links = self.links(chain);
        let revoked = self.revoked(chain).map(|(place, list)| {
            let subject = links.get(place).map_or("", |link| &link.subject);
            format!("`{subject}` was revoked by its issuer ({})", list.file)
        });
        let fault = revoked.or_else(|| self.not_permitted(chain));
        let trust = match fault {
            Some(reason) => Trust::Untrusted { reason },
            None => Trust::Anchored {
                anchor: links.last().map_or_else(String::new, |link| link.subject.clone()),
                revocations_until: links
                    .iter()
                    .filter_map(|link| link.revocations.as_ref()?.next_update)
                    .min(),
            },
        };
        Explanation { trust, chain: links }
    }

    fn links(&self, chain: &[X509]) -> Vec<Link> {
        let issuers = chain.iter().skip(1).map(Some).chain([None]);
        chain
            .iter()
            .zip(issuers)
            .map(|(x509, issuer)| Link {
                subject: subject_of(x509),
                anchor: self
                    .certificates
                    .iter()
                    .find(|anchor| anchor.x509 == *x509)
                    .and_then(|anchor| anchor.files.first().cloned()),
                revocations: issuer
                    .and_then(|issuer| self.revocations_of(issuer))
                    .map(RevocationList::view),
                signing_policy: issuer.and_then(|issuer| {
                    self.permissions_of(issuer).first().map(|permitted| permitted.file.clone())
                }),
            })
            .collect()
    }

    /// What the issuer may certify, by its namespaces or else its signing policy;
    /// nothing limits one that has neither.
    pub(super) fn permissions_of(&self, issuer: &X509) -> Vec<&Permitted> {
        let Some(name) = one_line(issuer.subject_name()) else { return Vec::new() };
        let of = |list: &'_ [Permitted]| list.iter().any(|p| p.permission.issuer == name);
        let list = if of(&self.namespaces) { &self.namespaces } else { &self.policies };
        list.iter().filter(|permitted| permitted.permission.issuer == name).collect()
    }

    /// The first certificate of a chain that its issuer must not make.
    fn not_permitted(&self, chain: &[X509]) -> Option<String> {
        chain.windows(2).find_map(|pair| {
            let (certificate, issuer) = (&pair[0], &pair[1]);
            let permissions = self.permissions_of(issuer);
            let file = &permissions.first()?.file;
            let name = one_line(certificate.subject_name()).unwrap_or_default();
            let is_allowed = permissions.iter().any(|p| p.permission.allows(&name));
            let issuer = subject_of(issuer);
            (!is_allowed).then(|| format!("{file} does not let `{issuer}` certify `{name}`"))
        })
    }

    /// The chain from leaf to anchor at a time, or why there is none.
    fn chain(
        &self,
        leaf: &Certificate,
        others: Vec<X509>,
        at: Timestamp,
        archive: bool,
    ) -> Result<Result<Vec<X509>, String>, openssl::error::ErrorStack> {
        let store = self.store(self.issuers_above(leaf.x509(), &others), at, archive)?;
        let mut untrusted = Stack::new()?;
        for other in others {
            untrusted.push(other)?;
        }
        let mut context = X509StoreContext::new()?;
        context.init(&store, leaf.x509(), &untrusted, |context| {
            if context.verify_cert()? {
                let chain = context.chain().map(|chain| chain.iter().map(X509Ref::to_owned));
                Ok(Ok(chain.map_or_else(Vec::new, Iterator::collect)))
            } else {
                Ok(Err(context.error().error_string().to_owned()))
            }
        })
    }

    /// The anchors that may stand above a certificate, by their names: a grid site
    /// has a hundred, and a chain needs one or two.
    fn issuers_above(&self, leaf: &X509, others: &[X509]) -> Vec<&X509> {
        let mut names = vec![leaf.issuer_name_hash()];
        let mut above: Vec<&X509> = Vec::new();
        let mut looked_at = 0;
        while let Some(name) = names.get(looked_at).copied() {
            looked_at += 1;
            let anchors = self.certificates.iter().map(|anchor| &anchor.x509);
            for anchor in anchors.filter(|anchor| anchor.subject_name_hash() == name) {
                above.push(anchor);
                names.push(anchor.issuer_name_hash());
            }
            let others = others.iter().filter(|other| other.subject_name_hash() == name);
            names.extend(others.map(|other| other.issuer_name_hash()));
            let mut seen = BTreeSet::new();
            names.retain(|name| seen.insert(*name));
        }
        above
    }

    fn store(
        &self,
        anchors: Vec<&X509>,
        at: Timestamp,
        archive: bool,
    ) -> Result<X509Store, openssl::error::ErrorStack> {
        let mut builder = X509StoreBuilder::new()?;
        for anchor in anchors {
            builder.add_cert(anchor.clone())?;
        }
        let mut parameters = X509VerifyParam::new()?;
        parameters.set_time(at.seconds());
        parameters.set_depth(MAX_DEPTH);
        parameters.set_auth_level(if archive { 0 } else { MODERN_LEVEL });
        // Endorsers have certificates for people, whatever they list.
        parameters.set_purpose(X509PurposeId::ANY)?;
        builder.set_param(&parameters)?;
        Ok(builder.build())
    }
}

fn endorsed(document: &Verified) -> Timestamp {
    document.manifest().endorsement.created
}

fn in_archive(document: &Verified) -> bool {
    endorsed(document) < ARCHIVE_END && document.signer().profile == Profile::Legacy
}

fn chain_key(document: &Verified) -> ChainKey {
    let others = document.certificates().iter().skip(1);
    let others: Vec<u8> = others.flat_map(|der| *Sha256::of(der).as_bytes()).collect();
    (document.signer().certificate, Sha256::of(&others), in_archive(document))
}

/// When every certificate of a chain is valid; none when a date cannot be read.
fn dates(chain: &[X509]) -> Option<RangeInclusive<Timestamp>> {
    let mut dates = certificate::time(chain.first()?.not_before()).ok()?
        ..=certificate::time(chain.first()?.not_after()).ok()?;
    for x509 in chain {
        let start = certificate::time(x509.not_before()).ok()?.max(*dates.start());
        let end = certificate::time(x509.not_after()).ok()?.min(*dates.end());
        dates = start..=end;
    }
    Some(dates)
}

fn untrusted(reason: String) -> Explanation {
    Explanation { trust: Trust::Untrusted { reason }, chain: Vec::new() }
}

fn subject_of(x509: &X509) -> String {
    let certificate = Certificate::from_x509(x509.clone());
    certificate.map_or_else(|_| "a malformed name".to_owned(), |c| c.subject().to_owned())
}

/// A name as OpenSSL's one-line form and the grid's files write it: `/C=EU/CN=x`.
fn one_line(name: &X509NameRef) -> Option<String> {
    let mut text = String::new();
    for entry in name.entries() {
        text.push('/');
        text.push_str(entry.object().nid().short_name().ok()?);
        text.push('=');
        text.push_str(&entry.data().to_string().ok()?);
    }
    Some(text)
}
