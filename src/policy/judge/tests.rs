use std::time::Duration;

use crate::manifest::{Details, Endorsement, Manifest, Profile, Signer, Trust};
use crate::model::{Algorithm, Checksum, Identifier, Sha1, Sha256, Timestamp};
use crate::policy::{Context, Entries, Policy, Purpose};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const SHA1: &str = "c319bbd5afc0a22ba3eaed0507c39383ec28eeff";

pub(in crate::policy) fn manifest() -> Manifest {
    let sha1: Sha1 = SHA1.parse().unwrap();
    Manifest {
        identifier: Identifier::from_sha1(sha1),
        bytes: 100,
        checksums: [Checksum::new(Algorithm::Sha1, SHA1).unwrap()].into_iter().collect(),
        endorsement: Endorsement {
            created: NOW,
            email: "jane.tester@example.org".parse().unwrap(),
            subject: "CN=Jane".into(),
            issuers: vec!["CN=CA".into()],
        },
        details: Details {
            image_type: "base".into(),
            os: Some("CentOS".into()),
            ..Details::default()
        },
        extensions: Vec::new(),
        pieces: None,
    }
}

fn signer() -> Signer {
    Signer {
        certificate: Sha256::of(b"certificate"),
        subject: "CN=Jane".into(),
        issuer: "CN=CA".into(),
        email_in_certificate: true,
        not_before: Timestamp::from_seconds(1_700_000_000),
        not_after: Timestamp::from_seconds(1_750_000_000),
        algorithms: "RSA-SHA256, SHA-256".into(),
        profile: Profile::Modern,
    }
}

fn use_now() -> Purpose {
    Purpose::Use { latest: true, endorsements: 1, reconciled: None, reconciled_peers: 0 }
}

struct Case {
    manifest: Manifest,
    signer: Signer,
    trust: Trust,
    purpose: Purpose,
}

impl Case {
    fn new() -> Case {
        Case {
            manifest: manifest(),
            signer: signer(),
            trust: Trust::Anchored { anchor: "CN=CA".into(), revocations_until: None },
            purpose: use_now(),
        }
    }

    /// The rule that refuses, with its line, or nothing.
    fn refused_by(&self, policy: &str) -> Option<(String, Option<u32>)> {
        let policy = Policy::parse("policy.cfg", policy).unwrap();
        let context = Context {
            now: NOW,
            trust: &self.trust,
            purpose: self.purpose.clone(),
            rules: Sha256::of(b"rules"),
        };
        let verdict = policy.judge_values(&self.manifest, &self.signer, &context);
        let step = verdict.refusal()?;
        Some((step.rule.clone(), step.source.as_ref().map(|source| source.line)))
    }
}

fn refused(case: &Case, policy: &str) -> String {
    case.refused_by(policy).map_or_else(String::new, |(rule, _)| rule)
}

#[test]
fn judged_signers_are_believed_only_where_the_file_says_nothing_of_trust() {
    let mut case = Case::new();
    case.trust = Trust::Untrusted { reason: "unknown".into() };
    let refused = |text: &str| {
        let policy = Policy::parse("policy.cfg", text).unwrap().of_judged_signers();
        let context = Context {
            now: NOW,
            trust: &case.trust,
            purpose: use_now(),
            rules: Sha256::of(b"rules"),
        };
        let verdict = policy.judge_values(&case.manifest, &case.signer, &context);
        verdict.refusal().map(|step| step.rule.clone())
    };
    assert_eq!(refused("[endorsers]\nwhitelistendorsers = jane.tester@example.org"), None);
    let anchored = refused("[trust]\nrequire = anchored");
    assert_eq!(anchored.as_deref(), Some("trust.require"));
    let other = refused("[endorsers]\nwhitelistendorsers = a@b.example");
    assert_eq!(other.as_deref(), Some("endorsers.whitelist"));
}

#[test]
fn both_dialects_filter_in_one_file_and_name_the_line() {
    let case = Case::new();
    let client = "[endorsers]\nblacklistendorsers = a@b.org\n  jane.tester@example.org\n";
    assert_eq!(case.refused_by(client), Some(("endorsers.blacklist".into(), Some(3))));
    let slides = "[endorsers]\nwhitelistendorsers=jane.tester@example.org\n\
                  [blacklistchecksums]\nanything=C319BBD5AFC0A22BA3EAED0507C39383EC28EEFF\n";
    assert_eq!(case.refused_by(slides), Some(("checksums.blacklist".into(), Some(4))));
    let images = "[blacklistimages]\nx=MMZu9WvwKIro-rtBQfDk4PsKO7_\n";
    assert_eq!(case.refused_by(images), Some(("images.blacklist".into(), Some(2))));
    let white = "[whitelistimages]\nx=LHxEYeBlBoqt7XVrdIgfGyYXy3X\n";
    assert_eq!(case.refused_by(white), Some(("images.whitelist".into(), Some(2))));
    assert_eq!(case.refused_by("[images]\nwhitelistimages=\nblacklistimages =\n"), None);
    assert_eq!(case.refused_by(""), None);
}

#[test]
fn a_whitelist_whose_items_can_never_match_still_filters_and_warns() {
    let text = "[whitelistchecksums]\nchecksum=c319bbd5afc0a22ba3eaed0507c39383ec28eefg\n\
                [images]\nblacklistimages=\n GOaxJFdoEXvqAm9ArJgnZ0_GGG\n";
    assert_eq!(refused(&Case::new(), text), "checksums.whitelist");
    let policy = Policy::parse("p", text).unwrap();
    let lines: Vec<u32> = policy.warnings().iter().map(|warning| warning.source.line).collect();
    assert_eq!(lines, [2, 5]);
}

#[test]
fn trust_and_legacy() {
    let mut case = Case::new();
    assert_eq!(refused(&case, "[trust]\nrequire = pinned\n"), "trust.require");
    case.trust = Trust::Untrusted { reason: "unknown".into() };
    assert_eq!(refused(&case, ""), "trust.require");
    assert_eq!(refused(&case, "[trust]\nrequire = any\n"), "");
    case.trust = Trust::Pinned;
    case.signer.profile = Profile::Legacy;
    assert_eq!(refused(&case, ""), "trust.legacy");
    assert_eq!(refused(&case, "[trust]\nlegacy = accept\n"), "");
    case.manifest.endorsement.created = "2012-02-01T17:02:02Z".parse().unwrap();
    assert_eq!(refused(&case, ""), "");
    assert_eq!(refused(&case, "[trust]\nlegacy = refuse\n"), "trust.legacy");
    let now = "[trust]\nrequire_valid_certificate_now = yes\n";
    assert_eq!(refused(&case, now), "trust.require_valid_certificate_now");
}

#[test]
fn what_is_deprecated_expired_or_superseded_is_admitted_but_not_used() {
    let mut case = Case::new();
    case.manifest.details.deprecated = Some("broken".into());
    assert_eq!(refused(&case, ""), "use.not_deprecated");
    case.purpose = Purpose::Admission { entries: None };
    assert_eq!(refused(&case, ""), "");
    let mut case = Case::new();
    case.manifest.details.valid = Some(NOW.minus(Duration::from_secs(1)));
    assert_eq!(refused(&case, ""), "use.not_expired");
    let mut case = Case::new();
    case.purpose =
        Purpose::Use { latest: false, endorsements: 1, reconciled: None, reconciled_peers: 0 };
    assert_eq!(refused(&case, ""), "use.latest");
}

#[test]
fn required_fields_endorsements_and_freshness() {
    let mut case = Case::new();
    assert_eq!(refused(&case, "[require]\nos = debian, centos\n"), "");
    assert_eq!(refused(&case, "[require]\nos = debian\n"), "require.os");
    assert_eq!(refused(&case, "[require]\nformat = raw\n"), "require.format");
    assert_eq!(refused(&case, "[endorsements]\nminimum = 2\n"), "endorsements.minimum");
    let fresh = "[freshness]\nmax_age = 1h\nmin_peers = 2\n";
    assert_eq!(refused(&case, fresh), "freshness.max_age");
    let reconciled = Some(Duration::from_secs(60));
    case.purpose = Purpose::Use { latest: true, endorsements: 2, reconciled, reconciled_peers: 1 };
    assert_eq!(refused(&case, fresh), "freshness.min_peers");
    assert_eq!(refused(&case, "[endorsements]\nminimum = 2\n"), "");
}

#[test]
fn a_file_that_cannot_be_read_names_the_line_and_refuses_everything() {
    let cases = [
        ("[endorsers]\nwhitelist = a@b\n", 2, "unknown"),
        ("\n[nonsense]\na = b\n", 3, "unknown"),
        ("[trust]\nrequire = maybe\n", 2, "anchored or pinned or any"),
        ("whitelistendorsers = a@b\n", 1, "before any section"),
        ("[endorsers]\nwhitelistendorsers\n", 2, "neither"),
        ("[endorsers\n", 1, "`]`"),
        ("[freshness]\nmax_age = soon\n", 2, "24h"),
    ];
    for (text, line, expected) in cases {
        let error = Policy::parse("policy.cfg", text).unwrap_err();
        assert_eq!(error.source_line.line, line, "{text}");
        assert!(error.to_string().contains(expected), "{error}");
        let case = Case::new();
        let context = Context {
            now: NOW,
            trust: &case.trust,
            purpose: Purpose::Admission { entries: None },
            rules: Sha256::of(b""),
        };
        let verdict =
            Policy::refuse_all(&error).judge_values(&case.manifest, &case.signer, &context);
        assert!(!verdict.is_allowed() && !verdict.is_untrusted());
    }
}

#[test]
fn the_digest_follows_the_meaning() {
    let digest = |text: &str| Policy::parse("p", text).unwrap().digest();
    assert_eq!(digest("[trust]\nrequire=any"), digest("[trust]\nrequire =  ANY  \n# note\n"));
    assert_ne!(digest("[trust]\nrequire=any"), digest("[trust]\nrequire=pinned"));
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[\\[\\]=:#; \ta-z@.\n]{0,200}") {
        let _ = Policy::parse("p", &text);
    }
}

#[test]
fn images_above_the_limit_are_refused_before_anything_is_fetched() {
    let mut case = Case::new();
    let limit = "[limits]\nmax_image_size = 2K\n";
    case.manifest.bytes = 2048;
    assert_eq!(case.refused_by(limit), None);
    case.manifest.bytes = 2049;
    case.purpose = Purpose::Admission { entries: None };
    assert_eq!(case.refused_by(limit), Some(("limits.max_image_size".into(), Some(2))));
    for wrong in ["2X", "", "-1", "99999999999999T", "many"] {
        let text = format!("[limits]\nmax_image_size = {wrong}\n");
        assert!(Policy::parse("policy.cfg", &text).is_err(), "{wrong}");
    }
}

#[test]
fn a_full_catalogue_takes_no_more_but_what_takes_an_image_back() {
    let mut case = Case::new();
    let limits = "[limits]\nmax_entries = 10\nmax_entries_per_endorser = 3\n";
    for (of_endorser, of_all, expected) in [
        (2, 9, None),
        (3, 3, Some(("limits.max_entries_per_endorser".to_owned(), Some(3)))),
        (0, 10, Some(("limits.max_entries".to_owned(), Some(2)))),
    ] {
        case.purpose = Purpose::Admission { entries: Some(Entries { of_endorser, of_all }) };
        assert_eq!(case.refused_by(limits), expected);
        assert_eq!(case.refused_by(""), None);
    }
    case.purpose = Purpose::Admission { entries: None };
    assert_eq!(case.refused_by(limits), None);
}
