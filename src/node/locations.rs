//! How the locations of manifests are reached, by this site's settings.

use super::start::StartError;
use super::transfer::{Buffers, Rate};
use crate::fetch::{Client, Identity, Pattern, Settings, SettingsError};
use crate::home::{FetchSettings, Home};

/// What every transfer uses to fetch: the HTTP client, and the bounds on all of them.
#[derive(Clone)]
pub(super) struct Fetching {
    pub(super) client: Client,
    pub(super) rate: Rate,
    pub(super) buffers: Buffers,
}

impl Fetching {
    /// Reads certificates and proxies.
    pub(super) fn new(home: &Home, settings: &FetchSettings) -> Result<Fetching, StartError> {
        let patterns = |names: &[String]| -> Result<Vec<Pattern>, SettingsError> {
            names.iter().map(|name| name.parse()).collect()
        };
        let path = |path: &std::path::PathBuf| home.root().join(path);
        let identity = match (&settings.certificate, &settings.key) {
            (Some(certificate), Some(key)) => Some(Identity {
                certificate: path(certificate),
                key: path(key),
                hosts: patterns(&settings.show_certificate_to)?,
            }),
            (None, None) => None,
            _ => return Err(StartError::HalfACertificate),
        };
        let client = Client::new(&Settings {
            allow: patterns(&settings.allow)?,
            trust: settings.trust.as_ref().map(path),
            identity,
            ..Settings::default()
        })?;
        let rate = Rate::new(settings.rate.map(|rate| rate.0));
        Ok(Fetching { client, rate, buffers: Buffers::new() })
    }
}
