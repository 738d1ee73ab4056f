//! Whom to trust, and as whom to appear.

use std::fs;
use std::path::Path;

use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslConnector, SslConnectorBuilder, SslContextBuilder, SslMethod, SslVersion};
use openssl::x509::X509;

use super::error::SettingsError;
use super::pattern::Pattern;
use super::settings::Settings;

/// Files of a folder of authorities; a grid site has about 500.
const MAX_TRUST_FILES: usize = 10_000;

/// Bytes of one file of authorities, of a certificate or of a key; the bundle of a
/// system has a quarter of a MiB.
const MAX_PEM_BYTES: u64 = 4 * 1024 * 1024;

/// TLS for hosts that may see the client certificate, and for all others.
pub(super) struct Tls {
    plain: SslConnector,
    known: Option<(SslConnector, Vec<Pattern>)>,
}

impl Tls {
    pub(super) fn new(settings: &Settings) -> Result<Tls, SettingsError> {
        let plain = base(settings)?.build();
        let known = match &settings.identity {
            None => None,
            Some(identity) if identity.hosts.is_empty() => return Err(SettingsError::NoHosts),
            Some(identity) => {
                let mut builder = base(settings)?;
                present(&mut builder, &identity.certificate, &identity.key)?;
                Some((builder.build(), identity.hosts.clone()))
            }
        };
        Ok(Tls { plain, known })
    }

    pub(super) fn for_host(&self, host: &str) -> &SslConnector {
        match &self.known {
            Some((known, hosts)) if hosts.iter().any(|pattern| pattern.names(host)) => known,
            _ => &self.plain,
        }
    }
}

fn openssl_says(error: ErrorStack) -> SettingsError {
    SettingsError::Tls(error.to_string())
}

fn in_file(path: &Path) -> impl Fn(String) -> SettingsError {
    move |text| SettingsError::File { path: path.to_owned(), text }
}

fn base(settings: &Settings) -> Result<SslConnectorBuilder, SettingsError> {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).map_err(openssl_says)?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2)).map_err(openssl_says)?;
    builder.set_alpn_protos(b"\x08http/1.1").map_err(openssl_says)?;
    // An OpenSSL built from its crate does not know where this system keeps them.
    let system = openssl_probe::probe();
    if let Some(bundle) = &system.cert_file {
        builder.load_verify_locations(Some(bundle), None).map_err(openssl_says)?;
    }
    for folder in &system.cert_dir {
        builder.load_verify_locations(None, Some(folder)).map_err(openssl_says)?;
    }
    if let Some(trust) = &settings.trust {
        add_trust(&mut builder, trust)?;
    }
    Ok(builder)
}

fn add_trust(builder: &mut SslConnectorBuilder, trust: &Path) -> Result<(), SettingsError> {
    let wrong = in_file(trust);
    let found = fs::metadata(trust).map_err(|error| wrong(error.to_string()))?;
    if !found.is_dir() {
        return add_bundle(builder, trust);
    }
    // The grid layout: looked up by hash when needed, so that updates count at once.
    builder.load_verify_locations(None, Some(trust)).map_err(|error| wrong(error.to_string()))?;
    for (number, entry) in
        fs::read_dir(trust).map_err(|error| wrong(error.to_string()))?.enumerate()
    {
        if number >= MAX_TRUST_FILES {
            return Err(wrong(format!("more than {MAX_TRUST_FILES} files")));
        }
        let path = entry.map_err(|error| wrong(error.to_string()))?.path();
        if path.extension().is_some_and(|ending| ending == "pem" || ending == "crt") {
            add_bundle(builder, &path)?;
        }
    }
    Ok(())
}

fn add_bundle(builder: &mut SslConnectorBuilder, path: &Path) -> Result<(), SettingsError> {
    let wrong = in_file(path);
    let found = X509::stack_from_pem(&read(path)?).map_err(|error| wrong(error.to_string()))?;
    if found.is_empty() {
        return Err(wrong("no certificate in PEM".to_owned()));
    }
    for certificate in found {
        builder.cert_store_mut().add_cert(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    Ok(())
}

/// Shows a certificate with its chain, which has this key, to the other side: a server's
/// as well as a client's.
pub fn present(
    builder: &mut SslContextBuilder,
    certificate: &Path,
    key: &Path,
) -> Result<(), SettingsError> {
    let wrong = in_file(certificate);
    read(certificate)?;
    builder.set_certificate_chain_file(certificate).map_err(|error| wrong(error.to_string()))?;
    let wrong = in_file(key);
    let key = private_key(key)?;
    let fits = builder.set_private_key(&key).is_ok() && builder.check_private_key().is_ok();
    if fits { Ok(()) } else { Err(wrong("not the certificate's key".to_owned())) }
}

/// Reads a key. One with a password is refused: OpenSSL would ask on the terminal.
fn private_key(path: &Path) -> Result<PKey<Private>, SettingsError> {
    let wrong = in_file(path);
    let mut locked = false;
    let pem = read(path)?;
    let found = PKey::private_key_from_pem_callback(&pem, |_| {
        locked = true;
        Ok(0)
    });
    found.map_err(|error| {
        wrong(if locked { "the key has a password".to_owned() } else { error.to_string() })
    })
}

fn read(path: &Path) -> Result<Vec<u8>, SettingsError> {
    let wrong = in_file(path);
    let found = fs::metadata(path).map_err(|error| wrong(error.to_string()))?;
    if found.len() > MAX_PEM_BYTES {
        return Err(wrong(format!("larger than {MAX_PEM_BYTES} bytes")));
    }
    fs::read(path).map_err(|error| wrong(error.to_string()))
}
