//! The endorser's key: options, environment, password.

use std::path::PathBuf;

use clap::Args;

use super::Exit;
use crate::manifest::SigningStyle;
use crate::manifest::pki::{KeyError, Password, SigningKey};
use crate::model::Email;

/// Where the PKCS#12 file is, when no option says it.
const P12_CERTIFICATE: &str = "STRATUSLAB_P12_CERTIFICATE";

/// Its password, when no option says it.
const P12_PASSWORD: &str = "STRATUSLAB_P12_PASSWORD";

/// Where the key and its certificate are.
#[derive(Debug, Args)]
pub(super) struct KeyOptions {
    /// PKCS#12 file with key and certificate [default: ~/.globus/usercert.p12]
    /// [env: STRATUSLAB_P12_CERTIFICATE]
    #[arg(long, value_name = "FILE")]
    p12_cert: Option<PathBuf>,
    /// Password of the key; better in a file, or typed when asked
    /// [env: STRATUSLAB_P12_PASSWORD]
    #[arg(long, value_name = "TEXT")]
    p12_password: Option<String>,
    /// File whose first line is the password of the key
    #[arg(long, value_name = "FILE", conflicts_with = "p12_password")]
    password_file: Option<PathBuf>,
    /// PEM file with the key, instead of PKCS#12
    #[arg(long, value_name = "FILE", requires = "cert", conflicts_with = "p12_cert")]
    key: Option<PathBuf>,
    /// PEM file with the certificate and its chain
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The endorser's address, when the certificate has none
    #[arg(long)]
    email: Option<Email>,
    /// Sign with RSA-SHA1, as verifiers of the StratusLab time need it
    #[arg(long)]
    legacy: bool,
    #[arg(skip)]
    otherwise: Otherwise,
}

/// What counts where neither an option nor the environment says anything.
#[derive(Debug, Clone, Default)]
struct Otherwise {
    p12_cert: Option<PathBuf>,
    p12_password: Option<String>,
}

impl KeyOptions {
    /// The same with what a configuration file says, where neither option nor environment
    /// says anything.
    pub(super) fn or(self, p12_cert: Option<PathBuf>, p12_password: Option<String>) -> Self {
        KeyOptions { otherwise: Otherwise { p12_cert, p12_password }, ..self }
    }

    /// The endorser's address, when it was given.
    pub(super) fn email(&self) -> Option<&Email> {
        self.email.as_ref()
    }

    /// Which rules to sign by.
    pub(super) fn style(&self) -> SigningStyle {
        if self.legacy { SigningStyle::Legacy } else { SigningStyle::Modern }
    }

    /// Reads the key; asks for its password when none is given.
    pub(super) fn read(&self) -> Result<SigningKey, Exit> {
        if let (Some(key), Some(cert)) = (&self.key, &self.cert) {
            let key_pem = zeroize::Zeroizing::new(std::fs::read(key).map_err(Exit::io(key))?);
            let cert_pem = std::fs::read(cert).map_err(Exit::io(cert))?;
            let given = self.given_password()?;
            let read = match SigningKey::from_pem(&key_pem, &cert_pem, given.as_ref()) {
                Err(KeyError::NeedsPassword) => {
                    SigningKey::from_pem(&key_pem, &cert_pem, Some(&ask(key)?))
                }
                other => other,
            };
            return read.map_err(|error| Exit::failed(format!("{}: {error}", key.display())));
        }
        let default = || {
            let home = std::env::var_os("HOME").unwrap_or_default();
            PathBuf::from(home).join(".globus/usercert.p12")
        };
        let named = self.p12_cert.clone().or_else(|| environment(P12_CERTIFICATE).map(Into::into));
        let file = named.or_else(|| self.otherwise.p12_cert.clone()).unwrap_or_else(default);
        let octets = zeroize::Zeroizing::new(std::fs::read(&file).map_err(|error| {
            let advice = "name the key with --p12-cert, or --key and --cert";
            Exit::failed(format!("{}: {error}; {advice}", file.display()))
        })?);
        let otherwise = || self.otherwise.p12_password.clone().map(Password::new);
        let password = match self.given_password()?.or_else(otherwise) {
            Some(password) => password,
            None => ask(&file)?,
        };
        SigningKey::from_pkcs12(&octets, &password)
            .map_err(|error| Exit::failed(format!("{}: {error}", file.display())))
    }

    fn given_password(&self) -> Result<Option<Password>, Exit> {
        if let Some(file) = &self.password_file {
            let text =
                zeroize::Zeroizing::new(std::fs::read_to_string(file).map_err(Exit::io(file))?);
            let first = text.lines().next().unwrap_or("").to_owned();
            return Ok(Some(Password::new(first)));
        }
        let given = self.p12_password.clone().or_else(|| environment(P12_PASSWORD));
        Ok(given.map(Password::new))
    }
}

/// Read here and not as options: what stands in the environment contradicts no option.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn ask(file: &std::path::Path) -> Result<Password, Exit> {
    let prompt = format!("Password of {}: ", file.display());
    rpassword::prompt_password(prompt).map(Password::new).map_err(|error| {
        let advice = "give the password with --password-file or STRATUSLAB_P12_PASSWORD";
        Exit::failed(format!("no password can be asked for here ({error}): {advice}"))
    })
}
