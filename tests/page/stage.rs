//! A site with a catalogue to look at, and a browser that looks.

use std::fs;
use std::time::{Duration, SystemTime};

use suq::manifest::pki::SigningKey;
use suq::manifest::pki::authority::{Authority, KeyKind};
use suq::manifest::{Details, Draft, SigningStyle, sign_document};
use suq::model::{Algorithm, Checksum, Identifier, Sha1, Timestamp};

use crate::browser::Browser;
use crate::http::{Response, exchange};
use crate::site::{Endorser, Site};

pub const JANE: &str = "jane.tester@example.org";
pub const JOHN: &str = "images@lal.example.fr";

/// Certificates hold for 400 days: the oldest entry is younger.
const OLDEST: u32 = 395;

/// A running site, endorsers that it trusts, and a browser.
pub struct Stage {
    pub folder: tempfile::TempDir,
    pub authority: Authority,
    pub jane: SigningKey,
    pub john: SigningKey,
    pub site: Site,
    pub address: String,
    pub browser: Browser,
}

impl Stage {
    pub fn new() -> Stage {
        Stage::with(|_| {})
    }

    /// With a home that was changed before it started.
    pub fn with(change: impl FnOnce(&Site)) -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let made = ago(OLDEST);
        let authority = Authority::new("Grid CA", made).unwrap();
        let endorser =
            |name, email| authority.endorser(name, Some(email), KeyKind::EcP256, made).unwrap();
        let (jane, john) = (endorser("Jane Tester", JANE), endorser("LAL images", JOHN));
        let mut site = site(folder.path(), "orsay", &authority);
        change(&site);
        site.start();
        let address = site.http();
        let browser = Browser::new(&address);
        Stage { folder, authority, jane, john, site, address, browser }
    }

    /// Sends a document; what the site says.
    pub fn upload(&self, document: &[u8]) -> Response {
        let head = format!(
            "POST /metadata HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Content-Type: application/xml\r\nContent-Length: {}\r\n\r\n",
            document.len()
        );
        exchange(&self.address, &[head.as_bytes(), document].concat())
    }

    /// Puts a document into the catalogue.
    pub fn put(&self, document: &[u8]) {
        let answer = self.upload(document);
        assert_eq!(answer.status, 201, "{}", answer.text());
    }

    /// Image `n`, endorsed by Jane so many days ago.
    pub fn document(&self, n: u8, days_ago: u32, change: impl FnOnce(&mut Details)) -> Vec<u8> {
        sign(&self.jane, &described(n, change).to_xml().unwrap(), days_ago)
    }

    /// The policy is this from now on.
    pub fn rule(&self, policy: &str) {
        fs::write(self.site.home.join("policy.cfg"), policy).unwrap();
        assert_eq!(self.site.run(&["policy", "reload"]).code, 0);
    }
}

/// A site that trusts the authority; it does not run yet.
pub fn site(folder: &std::path::Path, name: &str, authority: &Authority) -> Site {
    let site = Site::new(folder, name, &Endorser::new(folder));
    fs::write(site.home.join("trust/grid.pem"), authority.certificate_pem().unwrap()).unwrap();
    site
}

/// An image of which nobody has the bytes.
pub fn described(n: u8, change: impl FnOnce(&mut Details)) -> Draft {
    let sha1 = Sha1::from_bytes([n; 20]);
    let mut details = Details {
        image_type: "base".into(),
        kind: Some("machine".into()),
        os: Some("debian".into()),
        os_version: Some("12".into()),
        os_arch: Some("x86_64".into()),
        format: Some("qcow2".into()),
        title: Some(format!("Image {n}")),
        ..Details::default()
    };
    change(&mut details);
    let checksum = |algorithm, digits: usize| {
        Checksum::new(algorithm, &format!("{n:02x}").repeat(digits / 2)).unwrap()
    };
    let checksums = [checksum(Algorithm::Sha1, 40), checksum(Algorithm::Sha512, 128)];
    Draft {
        identifier: Identifier::from_sha1(sha1),
        bytes: 1_600_000_000,
        checksums: checksums.into_iter().collect(),
        details,
        pieces: None,
    }
}

pub fn sign(key: &SigningKey, document: &str, days_ago: u32) -> Vec<u8> {
    let created = ago(days_ago);
    let signed = sign_document(document.as_bytes(), key, None, created, SigningStyle::Modern);
    signed.unwrap().octets().to_vec()
}

pub fn identifier(n: u8) -> String {
    Identifier::from_sha1(Sha1::from_bytes([n; 20])).to_string()
}

pub fn ago(days: u32) -> Timestamp {
    now().minus(Duration::from_secs(86_400) * days).whole_seconds()
}

pub fn ahead(days: u32) -> Timestamp {
    now().plus(Duration::from_secs(86_400) * days).whole_seconds()
}

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}
