//! From options to rules, in both dialects of the field and our own sections.

use std::time::Duration;

use super::error::options;
use super::rules::{Allowed, Item, Legacy, Lists, Policy, Require, Setting, Warning};
use super::{PolicyError, Source};
use crate::model::{Email, Identifier, IniOption};

/// Fields that `[require]` and `[mirror]` can restrict.
pub(super) const REQUIRED_FIELDS: [&str; 7] =
    ["os", "os-version", "os-arch", "format", "kind", "type", "hypervisor"];

/// Lengths of the hex of MD5, SHA-1, SHA-256 and SHA-512.
const CHECKSUM_LENGTHS: [usize; 4] = [32, 40, 64, 128];

impl Policy {
    /// Reads a policy file; `file` names it in messages.
    pub fn parse(file: &str, text: &str) -> Result<Policy, PolicyError> {
        let mut parser = Parser { file, policy: Policy::default() };
        for option in options(file, text)? {
            parser.option(&option)?;
        }
        Ok(parser.policy)
    }
}

pub(super) struct Parser<'a> {
    file: &'a str,
    pub(super) policy: Policy,
}

/// Which list of which kind an option feeds.
#[derive(Clone, Copy)]
enum Kind {
    Endorsers,
    Images,
    Checksums,
}

impl Parser<'_> {
    pub(super) fn source(&self, line: u32) -> Source {
        Source { file: self.file.to_owned(), line }
    }

    pub(super) fn error(&self, line: u32, fault: String) -> PolicyError {
        PolicyError { source_line: self.source(line), fault }
    }

    fn option(&mut self, option: &IniOption) -> Result<(), PolicyError> {
        let section = option.section.to_lowercase();
        match section.as_str() {
            // The client's dialect: the option names the list.
            "endorsers" => self.client(option, Kind::Endorsers, "endorsers"),
            "images" => self.client(option, Kind::Images, "images"),
            "checksums" => self.client(option, Kind::Checksums, "checksums"),
            // The slides' dialect: the section names the list, the option is free.
            "whitelistendorsers" => self.list(option, Kind::Endorsers, true),
            "blacklistendorsers" => self.list(option, Kind::Endorsers, false),
            "whitelistimages" => self.list(option, Kind::Images, true),
            "blacklistimages" => self.list(option, Kind::Images, false),
            "whitelistchecksums" => self.list(option, Kind::Checksums, true),
            "blacklistchecksums" => self.list(option, Kind::Checksums, false),
            "trust" => self.trust(option),
            "freshness" => self.freshness(option),
            "endorsements" => self.endorsements(option),
            "limits" => self.limits(option),
            "require" => self.required(option),
            "mirror" => self.mirror(option),
            _ => {
                let fault = format!("the section [{}] is unknown", option.section);
                Err(self.error(option.line, fault))
            }
        }
    }

    fn client(&mut self, option: &IniOption, kind: Kind, of: &str) -> Result<(), PolicyError> {
        if option.name == format!("whitelist{of}") {
            self.list(option, kind, true)
        } else if option.name == format!("blacklist{of}") {
            self.list(option, kind, false)
        } else {
            Err(self.unknown(option))
        }
    }

    fn unknown(&self, option: &IniOption) -> PolicyError {
        let fault = format!("the option `{}` is unknown in [{}]", option.name, option.section);
        self.error(option.line, fault)
    }

    fn list(&mut self, option: &IniOption, kind: Kind, white: bool) -> Result<(), PolicyError> {
        for (item, line) in items(option) {
            let source = self.source(line);
            let policy = &mut self.policy;
            let fault = match kind {
                Kind::Endorsers => add(&mut policy.endorsers, white, item, &source, email),
                Kind::Images => add(&mut policy.images, white, item, &source, identifier),
                Kind::Checksums => add(&mut policy.checksums, white, item, &source, checksum),
            };
            if let Err(reason) = fault {
                let item = item.to_owned();
                policy.warnings.push(Warning { source, item, reason });
            }
        }
        Ok(())
    }

    fn single<'o>(&self, option: &'o IniOption) -> Result<&'o str, PolicyError> {
        match option.values.as_slice() {
            [(value, _)] => Ok(value),
            _ => Err(self.error(option.line, format!("`{}` needs one value", option.name))),
        }
    }

    fn choice<T: Copy>(
        &self,
        option: &IniOption,
        choices: &[(&str, T)],
    ) -> Result<Setting<T>, PolicyError> {
        let value = self.single(option)?;
        let found = choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(value));
        let (_, value) = found.ok_or_else(|| {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let fault = format!("`{}` is `{value}`, not {}", option.name, names.join(" or "));
            self.error(option.line, fault)
        })?;
        Ok(Setting { value: *value, source: Some(self.source(option.line)) })
    }

    fn number(&self, option: &IniOption) -> Result<Setting<u64>, PolicyError> {
        let text = self.single(option)?;
        let value = text.parse().map_err(|_| {
            self.error(option.line, format!("`{}` is `{text}`, not a number", option.name))
        })?;
        Ok(Setting { value, source: Some(self.source(option.line)) })
    }

    fn trust(&mut self, option: &IniOption) -> Result<(), PolicyError> {
        match option.name.as_str() {
            "require" => {
                let choices = [
                    ("anchored", Require::Anchored),
                    ("pinned", Require::Pinned),
                    ("any", Require::Any),
                ];
                self.policy.require = self.choice(option, &choices)?;
            }
            "legacy" => {
                let choices = [
                    ("archive", Legacy::Archive),
                    ("accept", Legacy::Accept),
                    ("refuse", Legacy::Refuse),
                ];
                self.policy.legacy = self.choice(option, &choices)?;
            }
            "require_valid_certificate_now" => {
                let choices = [("yes", true), ("no", false), ("true", true), ("false", false)];
                self.policy.require_valid_certificate_now = self.choice(option, &choices)?;
            }
            "stale_revocations" => {
                let choices = [("report", false), ("refuse", true)];
                self.policy.refuse_stale_revocations = self.choice(option, &choices)?;
            }
            _ => return Err(self.unknown(option)),
        }
        Ok(())
    }

    fn freshness(&mut self, option: &IniOption) -> Result<(), PolicyError> {
        match option.name.as_str() {
            "max_age" => {
                let text = self.single(option)?;
                let value = duration(text).ok_or_else(|| {
                    let fault = format!("`max_age` is `{text}`, not like 30m, 24h or 7d");
                    self.error(option.line, fault)
                })?;
                let source = Some(self.source(option.line));
                self.policy.max_age = Setting { value: Some(value), source };
            }
            "min_peers" => self.policy.min_peers = self.number(option)?,
            _ => return Err(self.unknown(option)),
        }
        Ok(())
    }

    fn limits(&mut self, option: &IniOption) -> Result<(), PolicyError> {
        match option.name.as_str() {
            "max_image_size" => self.policy.max_image_size = self.size(option)?,
            "max_entries" => self.policy.max_entries = self.number(option)?,
            "max_entries_per_endorser" => {
                self.policy.max_entries_per_endorser = self.number(option)?;
            }
            _ => return Err(self.unknown(option)),
        }
        Ok(())
    }

    fn endorsements(&mut self, option: &IniOption) -> Result<(), PolicyError> {
        match option.name.as_str() {
            "minimum" => self.policy.minimum_endorsements = self.number(option)?,
            _ => return Err(self.unknown(option)),
        }
        Ok(())
    }

    pub(super) fn size(&self, option: &IniOption) -> Result<Setting<Option<u64>>, PolicyError> {
        let text = self.single(option)?;
        let value = size(text).ok_or_else(|| {
            let fault = format!("`{}` is `{text}`, not like 500M, 50G or 2T", option.name);
            self.error(option.line, fault)
        })?;
        Ok(Setting { value: Some(value), source: Some(self.source(option.line)) })
    }

    fn required(&mut self, option: &IniOption) -> Result<(), PolicyError> {
        let Some(allowed) = self.allowed(option)? else { return Ok(()) };
        let field = allowed.field;
        if self.policy.required.iter().any(|allowed| allowed.field == field) {
            return Err(self.error(option.line, format!("`{field}` is set twice")));
        }
        self.policy.required.push(allowed);
        Ok(())
    }

    /// The values that an option allows of a field; none when it is empty.
    pub(super) fn allowed(&self, option: &IniOption) -> Result<Option<Allowed>, PolicyError> {
        let field = REQUIRED_FIELDS.iter().find(|field| **field == option.name);
        let field = field.ok_or_else(|| self.unknown(option))?;
        let split = option.values.iter().flat_map(|(value, _)| value.split(','));
        let values: Vec<String> = split.map(|value| value.trim().to_lowercase()).collect();
        let source = self.source(option.line);
        Ok((!values.is_empty()).then_some(Allowed { field, values, source }))
    }
}

/// The items of a list with their lines. They stand one on a line; spaces and commas part
/// them as well.
pub(super) fn items(option: &IniOption) -> impl Iterator<Item = (&str, u32)> {
    option.values.iter().flat_map(|(value, line)| {
        let items = value.split([' ', '\t', ',']).filter(|item| !item.is_empty());
        items.map(|item| (item, *line))
    })
}

/// Puts an item on a list, or says why it can never match.
fn add<T>(
    lists: &mut Lists<T>,
    white: bool,
    item: &str,
    source: &Source,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<(), String> {
    if white {
        lists.whitelist_source.get_or_insert_with(|| source.clone());
    }
    let value = read(item)?;
    let list = if white { &mut lists.whitelist } else { &mut lists.blacklist };
    list.push(Item { value, source: source.clone() });
    Ok(())
}

pub(super) fn email(item: &str) -> Result<Email, String> {
    item.parse().map_err(|_| "it is not an email address".to_owned())
}

pub(super) fn identifier(item: &str) -> Result<Identifier, String> {
    item.parse().map_err(|error| format!("{error}"))
}

fn checksum(item: &str) -> Result<String, String> {
    if !item.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Err("it is not hexadecimal".to_owned())
    } else if !CHECKSUM_LENGTHS.contains(&item.len()) {
        Err(format!("no checksum has {} digits", item.len()))
    } else {
        Ok(item.to_ascii_lowercase())
    }
}

/// The digits at the start of a text, and what follows them.
fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    Some((digits.parse().ok()?, unit.trim()))
}

/// `500M`, `50G`, `2T` in powers of 1024, or bytes.
fn size(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let shift = match unit {
        "" => 0,
        "K" | "KiB" => 10,
        "M" | "MiB" => 20,
        "G" | "GiB" => 30,
        "T" | "TiB" => 40,
        _ => return None,
    };
    number.checked_mul(1 << shift)
}

/// `30m`, `24h`, `7d`, or seconds.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    let seconds = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}
