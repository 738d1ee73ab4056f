//! Keys, documents and other people's programs for the tests of interoperability.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::dsa::Dsa;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509NameBuilder};
use suq::model::{Identifier, Sha1};

/// The endorser of every document here.
pub const EMAIL: &str = "jane@example.org";

/// Its name in the form of RFC 2253.
pub const NAME: &str = "CN=Jäne Tester,O=Grid \\\"A\\\"\\, B,C=EU";

/// True when a program is installed; says so when not.
pub fn is_installed(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    let is_there = command.status().is_ok();
    if !is_there {
        eprintln!("SKIPPED: {program} is not installed");
    }
    is_there
}

/// What a program printed; none when it failed.
pub fn run(program: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    let done = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    done.status.success().then_some(done.stdout)
}

/// A key with a certificate that it signed itself, in PEM files.
pub struct Key {
    pub private: PathBuf,
    pub certificate: PathBuf,
}

impl Key {
    pub fn rsa(folder: &Path) -> Key {
        Key::new(folder, "rsa", PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap())
    }

    pub fn ec(folder: &Path, name: &str, curve: Nid) -> Key {
        let group = EcGroup::from_curve_name(curve).unwrap();
        Key::new(folder, name, PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap())
    }

    pub fn dsa(folder: &Path) -> Key {
        Key::new(folder, "dsa", PKey::from_dsa(Dsa::generate(1024).unwrap()).unwrap())
    }

    fn new(folder: &Path, kind: &str, key: PKey<Private>) -> Key {
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_nid(Nid::COUNTRYNAME, "EU").unwrap();
        name.append_entry_by_nid(Nid::ORGANIZATIONNAME, "Grid \"A\", B").unwrap();
        name.append_entry_by_nid(Nid::COMMONNAME, "Jäne Tester").unwrap();
        let name = name.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        let serial = BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap();
        builder.set_serial_number(&serial).unwrap();
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(&name).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.set_not_before(&Asn1Time::from_unix(1_300_000_000).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::from_unix(4_000_000_000).unwrap()).unwrap();
        let context = builder.x509v3_context(None, None);
        let email = SubjectAlternativeName::new().email(EMAIL).build(&context).unwrap();
        builder.append_extension(email).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        let private = folder.join(format!("{kind}.key"));
        let certificate = folder.join(format!("{kind}.pem"));
        fs::write(&private, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        fs::write(&certificate, builder.build().to_pem().unwrap()).unwrap();
        Key { private, certificate }
    }
}

/// A document with everything that canonical forms treat in some special way;
/// `signature` stands as last child of the root.
pub fn awkward(signature: &str) -> String {
    let sha1 = Sha1::from_bytes([7; 20]);
    let identifier = Identifier::from_sha1(sha1);
    let name = NAME.replace('"', "&quot;");
    format!(
        "<?xml version='1.0' encoding='UTF-8' standalone='no'?>\r\n<!-- before -->\n\
<ns1:RDF xmlns:ns1=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" xmlns='http://purl.org/dc/terms/'\r\n \
xmlns:b='http://example.org/b' xmlns:unused='urn:unused:x' \
xmlns:ns2='http://mp.stratuslab.eu/slreq#' xml:lang='en' xml:base='http://mp.stratuslab.eu/'>\n\
<?note  kept   as is ?>\n\
<ns1:Description ns1:about='#{identifier}'>\r\n\
 <identifier>{identifier}</identifier><!-- inside -->\n\
 <ns2:bytes>1<![CDATA[0]]>&#x30;</ns2:bytes>\n\
 <ns2:checksum ns1:parseType='Resource'><ns2:algorithm>SHA-1</ns2:algorithm>\
<ns2:value>{sha1}</ns2:value></ns2:checksum>\n\
 <ns2:endorsement ns1:parseType='Resource'><created>2015-01-24T09:59:42Z</created>\
<ns2:endorser ns1:parseType='Resource'><ns2:email>{EMAIL}</ns2:email>\
<ns2:subject>{name}</ns2:subject><ns2:issuer>{name}</ns2:issuer></ns2:endorser></ns2:endorsement>\n\
 <type>base</type>\n\
 <title xml:space='preserve'>a&#13;b&#9;c &lt;&gt;&amp;&quot;' \u{1F600} \u{E9}\u{301} <![CDATA[<x> && ]]></title>\n\
 <b:empty xmlns:z='http://example.org/z' z:b='2' b:c='tab&#9;line&#10;return&#13;\"&lt;>&amp;' z:a='1'/>\n\
 <b:parts ns1:parseType='Resource' xmlns:b='http://example.org/shadowed'><b:one xmlns=''>1</b:one>\
<two>2</two></b:parts>\n\
</ns1:Description>\n{signature}</ns1:RDF>\n<!-- after --><?end?>\n"
    )
}
