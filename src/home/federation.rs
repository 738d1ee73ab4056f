//! Which federation the site belongs to.

use serde::{Deserialize, Serialize};

use super::{Home, HomeError, Mode, Settings};
use crate::model::{FederationId, Peer};

/// A federation, as a member knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Federation {
    /// Its name, for people.
    pub name: String,
    /// Its id.
    pub id: FederationId,
    /// Peers whose word lets others in; none when everyone with a ticket comes in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub founders: Vec<Peer>,
}

impl Federation {
    /// True when only members come in at this site.
    pub fn is_closed(&self, settings: &Settings) -> bool {
        match settings.membership.mode {
            Mode::Open => false,
            Mode::Closed => true,
            Mode::Federation => !self.founders.is_empty(),
        }
    }
}

impl Home {
    /// The federation of this home.
    pub fn federation(&self) -> Result<Federation, HomeError> {
        let file = self.root().join("federation.toml");
        let text = Home::read_text(&file)?;
        toml::from_str(&text).map_err(|error| HomeError::Invalid { file, what: error.to_string() })
    }

    /// Makes this home a member of a federation.
    pub fn set_federation(&self, federation: &Federation) -> Result<(), HomeError> {
        let text = toml::to_string(federation).map_err(|error| HomeError::Invalid {
            file: self.root().join("federation.toml"),
            what: error.to_string(),
        })?;
        let text = format!("# Written by `suq init` and `suq join`.\n{text}");
        self.replace("federation.toml", &text)
    }
}
