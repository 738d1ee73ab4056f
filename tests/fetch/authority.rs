//! A certificate authority of the tests.

use std::fs;
use std::path::{Path, PathBuf};

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::symm::Cipher;
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509NameBuilder};

pub struct Authority {
    folder: PathBuf,
    certificate: X509,
    key: PKey<Private>,
}

fn new_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn builder(name: &str, serial: u32, key: &PKey<Private>) -> X509Builder {
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let serial = BigNum::from_u32(serial).unwrap().to_asn1_integer().unwrap();
    builder.set_serial_number(&serial).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(&subject).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    builder
}

impl Authority {
    pub fn new(folder: &Path) -> Authority {
        let key = new_key();
        let mut builder = builder("Authority", 1, &key);
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        let certificate = builder.build();
        fs::write(folder.join("authority.pem"), certificate.to_pem().unwrap()).unwrap();
        Authority { folder: folder.to_owned(), certificate, key }
    }

    /// Makes `NAME.pem`, `NAME.key` and `NAME.locked.key`, whose password is not told.
    pub fn issue(&self, name: &str, serial: u32) {
        let key = new_key();
        let mut builder = builder(name, serial, &key);
        builder.set_issuer_name(self.certificate.subject_name()).unwrap();
        let context = builder.x509v3_context(Some(&self.certificate), None);
        let names =
            SubjectAlternativeName::new().ip("127.0.0.1").dns("grid.test").build(&context).unwrap();
        builder.append_extension(names).unwrap();
        builder.sign(&self.key, MessageDigest::sha256()).unwrap();
        let path = |ending: &str| self.folder.join(format!("{name}.{ending}"));
        fs::write(path("pem"), builder.build().to_pem().unwrap()).unwrap();
        fs::write(path("key"), key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        let locked = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), b"secret");
        fs::write(path("locked.key"), locked.unwrap()).unwrap();
    }

    /// Makes a folder in the grid layout.
    pub fn grid_folder(&self) -> PathBuf {
        let folder = self.folder.join("certificates");
        fs::create_dir_all(&folder).unwrap();
        let hash = format!("{:08x}.0", self.certificate.subject_name_hash());
        fs::write(folder.join(hash), self.certificate.to_pem().unwrap()).unwrap();
        fs::write(folder.join("authority.signing_policy"), "access_id_CA").unwrap();
        folder
    }
}
