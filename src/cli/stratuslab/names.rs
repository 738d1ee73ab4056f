//! The names that the commands have had.

/// What a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Work {
    /// Describes an image.
    Build,
    /// Endorses and signs.
    Sign,
    /// Checks documents.
    Validate,
    /// Sends a document to a Marketplace.
    Upload,
    /// Takes an image back.
    Deprecate,
    /// Judges an image by a policy file.
    Policy,
    /// Fetches an image.
    Download,
    /// What this program does not do yet.
    Later,
}

/// How names begin: StratusLab's client, and the project's slides.
const PREFIXES: [&str; 2] = ["stratus-", "stratuslab-"];

/// How they go on. Manifests are called so in slides and first versions of the client, where
/// the last two words of two commands are also the other way round.
const ENDINGS: [(&str, Work); 16] = [
    ("build-metadata", Work::Build),
    ("build-manifest", Work::Build),
    ("sign-metadata", Work::Sign),
    ("sign-manifest", Work::Sign),
    ("validate-metadata", Work::Validate),
    ("validate-manifest", Work::Validate),
    ("upload-metadata", Work::Upload),
    ("upload-manifest", Work::Upload),
    ("deprecate-metadata", Work::Deprecate),
    ("deprecate-manifest", Work::Deprecate),
    ("policy-image", Work::Policy),
    ("image-policy", Work::Policy),
    ("download-image", Work::Download),
    ("image-download", Work::Download),
    ("run-instance", Work::Later),
    ("create-image", Work::Later),
];

/// Every name.
pub(in crate::cli) fn names() -> impl Iterator<Item = String> {
    PREFIXES
        .into_iter()
        .flat_map(|prefix| ENDINGS.into_iter().map(move |(ending, _)| format!("{prefix}{ending}")))
}

/// What the command of a name does; none for other names.
pub(in crate::cli) fn of_name(name: &str) -> Option<Work> {
    let ending = PREFIXES.into_iter().find_map(|prefix| name.strip_prefix(prefix))?;
    ENDINGS.into_iter().find(|(known, _)| *known == ending).map(|(_, work)| work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_names_are_known() {
        assert!(names().all(|name| of_name(&name).is_some()));
        assert_eq!(of_name("stratuslab-build-manifest"), Some(Work::Build));
        for name in
            ["suq", "stratus-", "stratus-build", "build-metadata", "stratus-build-metadatas"]
        {
            assert_eq!(of_name(name), None, "{name}");
        }
    }
}
