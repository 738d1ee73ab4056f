//! `[mirror]`: which images this site fetches by itself.
//!
//! An image is mirrored when one of its entries may be used here and fits every option
//! that is set. These rules allow nothing that the rest of the policy refuses, so they
//! are no part of a verdict and of the policy's digest.

use super::parse::{Parser, email, identifier, items};
use super::rules::{Allowed, Policy, Setting, Warning};
use super::{Outcome, PolicyError, Source, Step};
use crate::manifest::Manifest;
use crate::model::{Email, Identifier, IniOption};

/// Every image, in the place of identifiers.
const EVERY: &str = "*";

/// What `[mirror]` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mirror {
    images: Option<Named<Images>>,
    endorsers: Option<Named<Vec<Email>>>,
    fields: Vec<Allowed>,
    /// In bytes. A bound alone names no image.
    max_image_size: Setting<Option<u64>>,
}

/// A list with the line it comes from. A list whose items can never match names nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named<T> {
    value: T,
    source: Source,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Images {
    Every,
    These(Vec<Identifier>),
}

impl Default for Mirror {
    fn default() -> Mirror {
        Mirror {
            images: None,
            endorsers: None,
            fields: Vec::new(),
            max_image_size: Setting { value: None, source: None },
        }
    }
}

impl Parser<'_> {
    pub(super) fn mirror(&mut self, option: &IniOption) -> Result<(), PolicyError> {
        let source = self.source(option.line);
        let mirror = &self.policy.mirror;
        let is_set = match option.name.as_str() {
            "images" => mirror.images.is_some(),
            "endorsers" => mirror.endorsers.is_some(),
            "max_image_size" => mirror.max_image_size.source.is_some(),
            _ => mirror.fields.iter().any(|allowed| allowed.field == option.name),
        };
        if is_set {
            return Err(self.error(option.line, format!("`{}` is set twice", option.name)));
        }
        match option.name.as_str() {
            "max_image_size" => self.policy.mirror.max_image_size = self.size(option)?,
            "images" => {
                let every = items(option).any(|(item, _)| item == EVERY);
                let (these, found) = self.read_items(option, |item| match item {
                    EVERY => Ok(None),
                    item => identifier(item).map(Some),
                });
                let these = these.into_iter().flatten().collect();
                let value = if every { Images::Every } else { Images::These(these) };
                self.policy.mirror.images = found.then_some(Named { value, source });
            }
            "endorsers" => {
                let (value, found) = self.read_items(option, email);
                self.policy.mirror.endorsers = found.then_some(Named { value, source });
            }
            _ => {
                let allowed = self.allowed(option)?;
                self.policy.mirror.fields.extend(allowed);
            }
        }
        Ok(())
    }

    /// The items that can match, and whether there was any. The others are warned about.
    fn read_items<T>(
        &mut self,
        option: &IniOption,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> (Vec<T>, bool) {
        let (mut values, mut found) = (Vec::new(), false);
        for (item, line) in items(option) {
            found = true;
            match read(item) {
                Ok(value) => values.push(value),
                Err(reason) => {
                    let (source, item) = (self.source(line), item.to_owned());
                    self.policy.warnings.push(Warning { source, item, reason });
                }
            }
        }
        (values, found)
    }
}

impl Policy {
    /// True when this site fetches images by itself.
    pub fn has_mirror(&self) -> bool {
        let Mirror { images, endorsers, fields, .. } = &self.mirror;
        self.broken.is_none() && (images.is_some() || endorsers.is_some() || !fields.is_empty())
    }

    /// Which images this site fetches by itself: one line for each rule, with its place.
    pub fn mirror_rules(&self) -> Vec<String> {
        if !self.has_mirror() {
            return Vec::new();
        }
        let Mirror { images, endorsers, fields, max_image_size } = &self.mirror;
        let images = images.iter().map(|Named { value, source }| match value {
            Images::Every => format!("every image [{source}]"),
            Images::These(these) => format!("{} images by name [{source}]", these.len()),
        });
        let endorsers = endorsers.iter().map(|Named { value, source }| {
            let names: Vec<&str> = value.iter().map(Email::as_str).collect();
            format!("endorsed by {} [{source}]", names.join(", "))
        });
        let fields = fields.iter().map(|Allowed { field, values, source }| {
            format!("{field} is {} [{source}]", values.join(" or "))
        });
        let bound = max_image_size.value.zip(max_image_size.source.as_ref());
        let size = bound.map(|(max, source)| format!("at most {max} bytes [{source}]"));
        images.chain(endorsers).chain(fields).chain(size).collect()
    }

    /// True when this entry makes its image one that the site fetches by itself, provided
    /// that the entry may be used.
    pub fn mirrors(&self, manifest: &Manifest) -> bool {
        let steps = self.judge_mirror(manifest);
        !steps.is_empty() && steps.iter().all(|step| step.outcome != Outcome::Refused)
    }

    /// Every mirror rule that was looked at, up to and with the first that does not want
    /// the image; nothing where nothing is mirrored.
    pub fn judge_mirror(&self, manifest: &Manifest) -> Vec<Step> {
        let mut steps = Vec::new();
        if !self.has_mirror() {
            return steps;
        }
        for step in self.mirror.steps(manifest) {
            let is_last = step.outcome == Outcome::Refused;
            steps.push(step);
            if is_last {
                break;
            }
        }
        steps
    }
}

impl Mirror {
    fn steps(&self, manifest: &Manifest) -> impl Iterator<Item = Step> {
        let images = self.images.iter().map(|Named { value, source }| {
            let identifier = manifest.identifier;
            let (fits, reason) = match value {
                Images::Every => (true, "every image is named".to_owned()),
                Images::These(these) if these.contains(&identifier) => {
                    (true, format!("image {identifier} is named"))
                }
                Images::These(_) => (false, format!("image {identifier} is not named")),
            };
            step("mirror.images", source, fits, reason)
        });
        let endorsers = self.endorsers.iter().map(|Named { value, source }| {
            let email = &manifest.endorsement.email;
            let fits = value.contains(email);
            let reason = format!("endorser {email} is {}named", if fits { "" } else { "not " });
            step("mirror.endorsers", source, fits, reason)
        });
        let fields = self.fields.iter().map(|allowed| {
            let (fits, reason) = allowed.judge(manifest);
            step(&format!("mirror.{}", allowed.field), &allowed.source, fits, reason)
        });
        let bound = self.max_image_size.value.zip(self.max_image_size.source.as_ref());
        let size = bound.map(|(max, source)| {
            let bytes = manifest.bytes;
            let reason = format!("the image has {bytes} bytes; at most {max} are mirrored");
            step("mirror.max_image_size", source, bytes <= max, reason)
        });
        images.chain(endorsers).chain(fields).chain(size)
    }
}

fn step(rule: &str, source: &Source, fits: bool, reason: String) -> Step {
    let outcome = if fits { Outcome::Passed } else { Outcome::Refused };
    Step { rule: rule.to_owned(), source: Some(source.clone()), outcome, reason }
}

#[cfg(test)]
mod tests {
    use super::super::judge::tests::manifest;
    use super::*;
    use crate::model::Sha1;

    fn policy(text: &str) -> Policy {
        Policy::parse("p", &format!("[mirror]\n{text}\n")).unwrap()
    }

    fn mirrors(text: &str) -> bool {
        policy(text).mirrors(&manifest())
    }

    #[test]
    fn without_an_option_that_names_images_nothing_is_mirrored() {
        for text in ["", "images =", "os =\nendorsers =", "max_image_size = 50G"] {
            assert!(!policy(text).has_mirror() && !mirrors(text), "{text}");
            assert_eq!(policy(text).judge_mirror(&manifest()), []);
        }
    }

    #[test]
    fn an_image_is_mirrored_when_it_fits_every_option() {
        let identifier = manifest().identifier;
        let other = Identifier::from_sha1(Sha1::from_bytes([1; 20]));
        for text in [
            "images = *",
            &format!("images = {identifier}"),
            &format!("images = {other}\n  {identifier}"),
            "endorsers = jane.tester@example.org",
            "os = debian, centos",
            "os = centos\nkind =\ntype = BASE\nmax_image_size = 100",
        ] {
            assert!(mirrors(text), "{text}");
        }
        for text in [
            &format!("images = {other}"),
            "images = no-identifier",
            "endorsers = john@example.org",
            "endorsers = nobody",
            "os = debian",
            "kind = machine",
            "images = *\nmax_image_size = 99",
            "os = centos\nendorsers = john@example.org",
        ] {
            assert!(policy(text).has_mirror() && !mirrors(text), "{text}");
        }
    }

    #[test]
    fn each_rule_names_its_line() {
        let text = "images = *\nos = centos\nmax_image_size = 99";
        let steps = policy(text).judge_mirror(&manifest());
        let seen: Vec<(&str, u32, Outcome)> = steps
            .iter()
            .map(|step| (step.rule.as_str(), step.source.as_ref().unwrap().line, step.outcome))
            .collect();
        assert_eq!(
            seen,
            [
                ("mirror.images", 2, Outcome::Passed),
                ("mirror.os", 3, Outcome::Passed),
                ("mirror.max_image_size", 4, Outcome::Refused),
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_refuses_everything_and_mirrors_nothing() {
        for (text, fault) in [
            ("images = *\nimages = *", "p:3: `images` is set twice"),
            ("os = a\nos = b", "p:3: `os` is set twice"),
            ("max_image_size = huge", "p:2: `max_image_size` is `huge`"),
            ("colour = blue", "p:2: the option `colour` is unknown in [mirror]"),
        ] {
            let error = Policy::parse("p", &format!("[mirror]\n{text}\n")).unwrap_err();
            assert!(error.to_string().starts_with(fault), "{error}");
            assert!(!Policy::refuse_all(&error).has_mirror());
        }
        assert_eq!(policy("images = *, nonsense\nendorsers = nobody").warnings().len(), 2);
    }

    #[test]
    fn what_is_mirrored_changes_no_verdict() {
        assert_eq!(policy("images = *").digest(), policy("os = debian").digest());
    }
}
