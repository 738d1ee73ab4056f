//! Describing an image: the options that say what it is, and the draft they make.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::super::{Exit, checksum, output};
use crate::blobs::Hashed;
use crate::fetch::Format;
use crate::manifest::{Details, Draft};
use crate::model::{Algorithm, BadDigest, Checksum, Checksums, Identifier, Timestamp};

/// How long a manifest is valid, as StratusLab's tools have it.
const VALIDITY: Duration = Duration::from_secs(178 * 86_400);

/// What is said of an image, by the names that StratusLab has for it.
#[derive(Debug, Args)]
pub(in crate::cli) struct Description {
    /// Who made the image
    #[arg(long)]
    author: Option<String>,
    /// base or grid
    #[arg(long = "type", value_name = "TYPE", default_value = "base")]
    image_type: String,
    /// machine or disk
    #[arg(long, default_value = "machine")]
    kind: String,
    /// Operating system
    #[arg(long, default_value = "", hide_default_value = true)]
    os: String,
    /// Version of the operating system
    #[arg(long, default_value = "", hide_default_value = true)]
    os_version: String,
    /// Architecture
    #[arg(long, default_value = "", hide_default_value = true)]
    os_arch: String,
    /// Version of the image
    #[arg(long, default_value = "", hide_default_value = true)]
    image_version: String,
    /// raw or qcow2
    #[arg(long, default_value = "raw")]
    format: String,
    /// Hypervisor
    #[arg(long, default_value = "kvm")]
    hypervisor: String,
    /// URL where the image can be had; may be repeated
    #[arg(long, value_name = "URL")]
    location: Vec<String>,
    /// Compression of the bytes at the locations: gz, bz2, xz, zst [default: the image's]
    #[arg(long)]
    compression: Option<String>,
    /// Title
    #[arg(long)]
    title: Option<String>,
    /// Tag
    #[arg(long)]
    tag: Option<String>,
    /// Description
    #[arg(long)]
    comment: Option<String>,
    /// Bus of its disks
    #[arg(long, value_name = "BUS", default_value = "ide", value_parser = ["ide", "scsi", "virtio"])]
    disks_bus: String,
    /// The MD5 that the image must have
    #[arg(long, value_name = "HEX", value_parser = given(Algorithm::Md5))]
    md5: Option<Checksum>,
    /// The SHA-1 that the image must have
    #[arg(long, value_name = "HEX", value_parser = given(Algorithm::Sha1))]
    sha1: Option<Checksum>,
    /// The SHA-256 that the image must have
    #[arg(long, value_name = "HEX", value_parser = given(Algorithm::Sha256))]
    sha256: Option<Checksum>,
    /// The SHA-512 that the image must have
    #[arg(long, value_name = "HEX", value_parser = given(Algorithm::Sha512))]
    sha512: Option<Checksum>,
    /// Leave the MD5 out; with --md5, take that without computing it
    #[arg(long)]
    no_md5: bool,
    /// The same for the SHA-256
    #[arg(long)]
    no_sha256: bool,
    /// The same for the SHA-512
    #[arg(long)]
    no_sha512: bool,
    /// Leave out what lets each piece of the image be checked as it arrives
    #[arg(long)]
    no_pieces: bool,
}

/// An unsigned manifest.
pub(in crate::cli) struct Described {
    pub(in crate::cli) identifier: Identifier,
    /// The document.
    pub(in crate::cli) text: String,
    /// OS-OSVERSION-ARCH-TYPE-VERSION.xml
    pub(in crate::cli) name: PathBuf,
}

impl Description {
    /// Hashes the image, decompressed when its name ends like that of a compressed file, and
    /// describes it.
    pub(in crate::cli) fn describe(self, image: &Path) -> Result<Described, Exit> {
        let packed = Format::by_ending(image);
        let algorithms = self.algorithms();
        let hashed = match packed {
            None => checksum::of_file(image, &algorithms)?,
            Some(format) => checksum::of_unpacked(image, format, &algorithms)?,
        };
        let pieces = (!self.no_pieces).then(|| hashed.piece_list());
        let Hashed { checksums, bytes, .. } = hashed;
        let checksums = self.with_given(image, checksums)?;
        let sha1 = checksums.sha1().ok_or_else(|| Exit::failed("no SHA-1 was computed"))?;
        let identifier = Identifier::from_sha1(sha1);
        let name = self.name();
        let details = self.details(packed, output::now().whole_seconds());
        let draft = Draft { identifier, bytes, checksums, details, pieces };
        let text = draft.to_xml().map_err(|error| Exit::new(Exit::USAGE, error.to_string()))?;
        Ok(Described { identifier, text, name })
    }

    /// The options that say something a list of images shows, and were not given.
    pub(in crate::cli) fn missing(&self) -> Vec<&'static str> {
        let shown = [
            ("--os", &self.os),
            ("--os-version", &self.os_version),
            ("--os-arch", &self.os_arch),
            ("--image-version", &self.image_version),
        ];
        shown.into_iter().filter(|(_, text)| text.is_empty()).map(|(name, _)| name).collect()
    }

    /// Whether it says where the image is.
    pub(in crate::cli) fn has_location(&self) -> bool {
        !self.location.is_empty()
    }

    fn algorithms(&self) -> Vec<Algorithm> {
        let left_out = |algorithm: &Algorithm| match algorithm {
            Algorithm::Md5 => self.no_md5,
            Algorithm::Sha1 => false,
            Algorithm::Sha256 => self.no_sha256,
            Algorithm::Sha512 => self.no_sha512,
        };
        Algorithm::ALL.into_iter().filter(|algorithm| !left_out(algorithm)).collect()
    }

    /// Compares what was computed with what was given, and adds what was not computed.
    fn with_given(&self, image: &Path, mut checksums: Checksums) -> Result<Checksums, Exit> {
        for given in [&self.md5, &self.sha1, &self.sha256, &self.sha512].into_iter().flatten() {
            let (algorithm, value) = (given.algorithm(), given.value());
            match checksums.value(algorithm) {
                Some(computed) if computed != value => {
                    let file = image.display();
                    return Err(Exit::failed(format!(
                        "the {algorithm} of {file} is {computed}, not {value} as was given"
                    )));
                }
                Some(_) => {}
                None => {
                    checksums.insert(given.clone());
                }
            }
        }
        Ok(checksums)
    }

    fn name(&self) -> PathBuf {
        let parts =
            [&self.os, &self.os_version, &self.os_arch, &self.image_type, &self.image_version];
        let name = parts.map(|part| part.replace(['/', ' '], "_")).join("-");
        PathBuf::from(format!("{name}.xml"))
    }

    fn details(self, packed: Option<Format>, now: Timestamp) -> Details {
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        Details {
            image_type: self.image_type,
            kind: some(self.kind),
            os: some(self.os),
            os_version: some(self.os_version),
            os_arch: some(self.os_arch),
            version: some(self.image_version),
            hypervisor: some(self.hypervisor),
            disks_bus: some(self.disks_bus),
            format: some(self.format),
            compression: self.compression.or(packed.map(|format| format.ending().to_owned())),
            locations: self.location,
            created: Some(now.to_string()),
            valid: Some(now.plus(VALIDITY)),
            title: self.title,
            tag: self.tag,
            description: self.comment,
            creator: self.author,
            ..Details::default()
        }
    }
}

/// Reads a checksum of an option.
fn given(
    algorithm: Algorithm,
) -> impl Fn(&str) -> Result<Checksum, BadDigest> + Clone + Send + Sync + 'static {
    move |text| Checksum::new(algorithm, text)
}
