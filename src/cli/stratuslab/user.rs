//! The user's configuration file, as StratusLab's client has it.

use std::path::{Path, PathBuf};

use clap::Args;

use super::super::Exit;
use super::super::key::KeyOptions;
use crate::model::{IniOption, read_ini};

/// The section that counts where no other says something else.
const DEFAULT: &str = "default";

/// Which file, and which of its sections.
#[derive(Debug, Args)]
pub(super) struct UserFile {
    /// User configuration file [default: ~/.stratuslab/stratuslab-user.cfg]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Section of that file that goes before [default], which may name it as selected_section
    #[arg(
        short = 'S',
        long,
        value_name = "NAME",
        env = "STRATUSLAB_USER_CONFIG_SECTION",
        hide_env_values = true
    )]
    user_config_section: Option<String>,
}

/// What the file says, of what these commands need.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct UserSettings {
    /// Of a Marketplace.
    pub(super) marketplace_endpoint: Option<String>,
    p12_certificate: Option<String>,
    p12_password: Option<String>,
}

impl UserFile {
    /// Reads the file. Without an option there need not be one.
    pub(super) fn read(&self) -> Result<UserSettings, Exit> {
        let file = match &self.config {
            Some(file) => file.clone(),
            None => {
                let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
                let file =
                    home.map(|home| Path::new(&home).join(".stratuslab/stratuslab-user.cfg"));
                match file.filter(|file| file.exists()) {
                    Some(file) => file,
                    None => return Ok(UserSettings::default()),
                }
            }
        };
        let text = std::fs::read_to_string(&file).map_err(Exit::io(&file))?;
        let section = self.user_config_section.as_deref().filter(|section| !section.is_empty());
        settings(&text, section)
            .map_err(|fault| Exit::failed(format!("{}: {fault}", file.display())))
    }
}

impl UserSettings {
    /// A key's options with what the file says.
    pub(super) fn complete(&self, key: KeyOptions) -> KeyOptions {
        key.or(self.p12_certificate.as_ref().map(PathBuf::from), self.p12_password.clone())
    }
}

/// Looks first in the section, then in the default one.
fn settings(text: &str, section: Option<&str>) -> Result<UserSettings, String> {
    let options = read_ini(text).map_err(|bad| bad.to_string())?;
    let selected = value(&options, DEFAULT, "selected_section");
    let section = section.map(str::to_owned).or(selected);
    if let Some(section) = &section
        && !options.iter().any(|option| option.section == *section)
    {
        return Err(format!("there is no section [{section}] with options in it"));
    }
    let first = |name: &str| {
        let special = section.as_ref().and_then(|section| value(&options, section, name));
        special.or_else(|| value(&options, DEFAULT, name))
    };
    Ok(UserSettings {
        marketplace_endpoint: first("marketplace_endpoint"),
        p12_certificate: first("p12_certificate"),
        p12_password: first("p12_password"),
    })
}

/// The last of an option that is written twice, as Python's reader has it.
fn value(options: &[IniOption], section: &str, name: &str) -> Option<String> {
    let mut found = options.iter().rev();
    let found = found.find(|option| option.section == section && option.name == name)?;
    found.values.first().map(|(value, _)| value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# ours
[default]
marketplace_endpoint = https://one.example
p12_certificate = /one.p12
username = jane
p12_password =

[two]
MARKETPLACE_ENDPOINT: https://two.example
p12_password = a = b
";

    #[test]
    fn a_section_goes_before_the_default_one() {
        let plain = settings(FILE, None).unwrap();
        assert_eq!(plain.marketplace_endpoint.as_deref(), Some("https://one.example"));
        assert_eq!(plain.p12_password, None);
        let two = settings(FILE, Some("two")).unwrap();
        assert_eq!(two.marketplace_endpoint.as_deref(), Some("https://two.example"));
        assert_eq!(two.p12_certificate.as_deref(), Some("/one.p12"));
        assert_eq!(two.p12_password.as_deref(), Some("a = b"));
        let selected = FILE.replace("username = jane", "selected_section = two");
        assert_eq!(settings(&selected, None).unwrap(), two);
        assert_eq!(settings(&selected, Some("default")).unwrap(), plain);
    }

    #[test]
    fn what_cannot_be_meant_is_said() {
        assert!(settings(FILE, Some("three")).unwrap_err().contains("[three]"));
        assert!(settings("[default]\nnonsense", None).unwrap_err().starts_with("line 2"));
        assert_eq!(settings("", None).unwrap(), UserSettings::default());
    }
}
