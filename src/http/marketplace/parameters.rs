//! The parameters of a request, from its query and from a form.

/// Names with values, in their order. Of a name that occurs twice, the first counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parameters(Vec<(String, String)>);

/// Parameters that are read; DataTables sends about sixty.
const MAX_PARAMETERS: usize = 256;

/// Characters of a value that a message shows.
const SHOWN: usize = 60;

impl Parameters {
    /// From octets as forms write them.
    pub(super) fn read(octets: &[u8]) -> Parameters {
        let pairs = form_urlencoded::parse(octets).into_owned();
        Parameters(pairs.take(MAX_PARAMETERS).collect())
    }

    /// These, and then those.
    pub(super) fn and(mut self, other: Parameters) -> Parameters {
        self.0.extend(other.0);
        self
    }

    /// The value of a name; none when it is empty, as forms leave what nobody filled in.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// A whole number.
    ///
    /// # Errors
    /// What to answer when it is none.
    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, String> {
        let number = |value: &str| {
            let bad = |_| format!("{name} is `{}`, which is not a whole number", shown(value));
            value.parse().map_err(bad)
        };
        self.get(name).map(number).transpose()
    }

    /// True when one of these names is there.
    pub(super) fn has_any(&self, names: &[&str]) -> bool {
        self.0.iter().any(|(name, _)| names.contains(&name.as_str()))
    }
}

/// A value as messages show it.
pub(super) fn shown(value: &str) -> String {
    value.chars().take(SHOWN).collect()
}
