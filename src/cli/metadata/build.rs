//! `suq metadata build`

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::super::{Common, Exit, checksum, output};
use super::write_file;
use crate::blobs::Hashed;
use crate::manifest::{Details, Draft};
use crate::model::{Algorithm, Identifier, Timestamp};

/// How long a manifest is valid, as StratusLab's tools have it.
const VALIDITY: Duration = Duration::from_secs(178 * 86_400);

/// Endings of compressed images.
const COMPRESSED: [&str; 4] = ["gz", "bz2", "xz", "zst"];

/// Describe an image: hash it and write an unsigned manifest.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  suq metadata build disk.raw --os debian --os-version 12 --os-arch x86_64 --image-version 1.0
  suq metadata build disk.qcow2 --format qcow2 --title \"Analysis node\" -o node.xml

Writes OS-OSVERSION-ARCH-TYPE-VERSION.xml into the working folder.")]
pub(super) struct Build {
    /// The uncompressed image
    image: PathBuf,
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
    #[arg(long, default_value = "")]
    os: String,
    /// Version of the operating system
    #[arg(long, default_value = "")]
    os_version: String,
    /// Architecture
    #[arg(long, default_value = "")]
    os_arch: String,
    /// Version of the image
    #[arg(long, default_value = "")]
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
    /// Compression of the bytes at the locations: gz, bz2, xz, zst
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
    /// ide, scsi or virtio
    #[arg(long, default_value = "ide")]
    disks_bus: String,
    /// Leave the MD5 out
    #[arg(long)]
    no_md5: bool,
    /// Leave the SHA-256 out
    #[arg(long)]
    no_sha256: bool,
    /// Leave the SHA-512 out
    #[arg(long)]
    no_sha512: bool,
    /// Leave out what lets each piece of the image be checked as it arrives
    #[arg(long)]
    no_pieces: bool,
    /// Write the manifest to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Build {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        let ending = self.image.extension().and_then(|ending| ending.to_str()).unwrap_or("");
        if COMPRESSED.contains(&ending) {
            return Err(Exit::failed(format!(
                "{} is compressed, but checksums are of the uncompressed image: decompress it \
                 first, and say --compression {ending} for its location",
                self.image.display()
            )));
        }
        let hashed = checksum::of_file(&self.image, &self.algorithms())?;
        let pieces = (!self.no_pieces).then(|| hashed.piece_list());
        let Hashed { checksums, bytes, .. } = hashed;
        let sha1 = checksums.sha1().ok_or_else(|| Exit::failed("no SHA-1 was computed"))?;
        let now = output::now();
        let target = self.output.clone().unwrap_or_else(|| self.default_name());
        let draft = Draft {
            identifier: Identifier::from_sha1(sha1),
            bytes,
            checksums,
            details: self.details(now),
            pieces,
        };
        let text = draft.to_xml().map_err(|error| Exit::new(Exit::USAGE, error.to_string()))?;
        write_file(&target, text.as_bytes())?;
        let identifier = draft.identifier;
        if common.json {
            let file = target.display().to_string();
            return output::json(&serde_json::json!({"identifier": identifier, "file": file}));
        }
        output::line(format!("{identifier} described in {}", target.display()));
        Ok(())
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

    fn default_name(&self) -> PathBuf {
        let parts =
            [&self.os, &self.os_version, &self.os_arch, &self.image_type, &self.image_version];
        let name = parts.map(|part| part.replace(['/', ' '], "_")).join("-");
        Path::new(&format!("{name}.xml")).to_owned()
    }

    fn details(self, now: Timestamp) -> Details {
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
            compression: self.compression,
            locations: self.location,
            created: Some(now.to_string()),
            valid: Some(now.plus(VALIDITY).whole_seconds()),
            title: self.title,
            tag: self.tag,
            description: self.comment,
            creator: self.author,
            ..Details::default()
        }
    }
}
