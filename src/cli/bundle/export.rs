//! `suq bundle export`

use std::collections::BTreeSet;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::super::progress::bytes_bar;
use super::super::{Common, Exit, ask, output};
use crate::blobs::{Blob, Blobs};
use crate::manifest::{Manifest, Verifier};
use crate::model::{Sha512, Timestamp};
use crate::node::{Answer, Call, ImageName};
use crate::wire::{BUNDLE_DATA_BYTES, BundleFrame, begin_bundle, write_frame};

/// Documents asked for at once: at most 16 MiB.
const BATCH: usize = 64;

/// Write admitted manifests into a file.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// The file to write; it must not exist
    file: PathBuf,
    /// Only these images: identifiers or checksums [default: all]
    images: Vec<ImageName>,
    /// Only what this site first saw at that time or later
    #[arg(long, value_name = "DATE")]
    since: Option<Timestamp>,
    /// The images that are stored here as well
    #[arg(long)]
    with_images: bool,
}

impl Export {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        let home = ask::home(common)?;
        if self.file.exists() {
            let message = format!("{} exists already: choose another name", self.file.display());
            return Err(Exit::failed(message));
        }
        let question = Call::Documents { since: self.since, images: self.images.clone() };
        let ids = match ask::call(&home, &question, |_| {})? {
            Answer::Ids(ids) => ids,
            other => return Err(ask::unexpected(&other)),
        };
        let folder = match self.file.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        // Under its name only when it is whole.
        let partial = tempfile::NamedTempFile::new_in(folder).map_err(Exit::io(folder))?;
        let mut bundle = Writer {
            out: BufWriter::new(partial),
            file: &self.file,
            blobs: ask::blobs(&home)?,
            verifier: Verifier::new(),
            manifests: 0,
            images: BTreeSet::new(),
        };
        begin_bundle(&mut bundle.out).map_err(Exit::io(&self.file))?;
        for ids in ids.chunks(BATCH) {
            let documents = match ask::call(&home, &Call::Read(ids.to_vec()), |_| {})? {
                Answer::Documents(documents) => documents,
                other => return Err(ask::unexpected(&other)),
            };
            for document in documents {
                bundle.add(document, self.with_images)?;
            }
        }
        let (manifests, images) = bundle.finish()?;
        if common.json {
            return output::json(&serde_json::json!({"manifests": manifests, "images": images}));
        }
        let file = self.file.display();
        output::line(format!("{file}: {manifests} manifests and {images} images"));
        Ok(())
    }
}

struct Writer<'f> {
    out: BufWriter<tempfile::NamedTempFile>,
    file: &'f Path,
    blobs: Blobs,
    verifier: Verifier,
    manifests: u64,
    /// Those that are in it.
    images: BTreeSet<Sha512>,
}

impl Writer<'_> {
    fn write(&mut self, frame: &BundleFrame) -> Result<(), Exit> {
        write_frame(&mut self.out, frame).map_err(Exit::io(self.file))
    }

    fn add(&mut self, document: String, with_image: bool) -> Result<(), Exit> {
        self.manifests += 1;
        let verified = with_image.then(|| self.verifier.verify(document.as_bytes()));
        self.write(&BundleFrame::Manifest(document.into_bytes()))?;
        // What a store holds verifies; what does not has no image to send along.
        let Some(Ok(verified)) = verified else { return Ok(()) };
        match stored(&self.blobs, verified.manifest()) {
            Some(blob) if self.images.insert(blob.sha512) => self.add_image(&blob),
            _ => Ok(()),
        }
    }

    fn add_image(&mut self, blob: &Blob) -> Result<(), Exit> {
        let path = self.blobs.path(&blob.sha512);
        let mut image = self.blobs.read(&blob.sha512).map_err(Exit::io(&path))?;
        self.write(&BundleFrame::Image { sha512: blob.sha512, bytes: blob.bytes })?;
        let bar = bytes_bar(blob.bytes, "image");
        loop {
            let mut data = Vec::with_capacity(BUNDLE_DATA_BYTES);
            let limit = BUNDLE_DATA_BYTES as u64;
            let read = (&mut image).take(limit).read_to_end(&mut data).map_err(Exit::io(&path))?;
            if read == 0 {
                break;
            }
            self.write(&BundleFrame::Data(data))?;
            bar.inc(read as u64);
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn finish(mut self) -> Result<(u64, usize), Exit> {
        let (manifests, images) = (self.manifests, self.images.len());
        self.write(&BundleFrame::End { manifests, images: images as u64 })?;
        let failed = Exit::io(self.file);
        let written = self.out.flush().and_then(|()| self.out.get_ref().as_file().sync_all());
        written.map_err(failed)?;
        let file = self.out.into_inner().map_err(|error| Exit::failed(error.to_string()))?;
        let kept = file.persist_noclobber(self.file);
        kept.map_err(|error| Exit::io(self.file)(error.error))?;
        Ok((manifests, images))
    }
}

/// The blob of a manifest, when it is here.
pub(super) fn stored(blobs: &Blobs, manifest: &Manifest) -> Option<Blob> {
    let blob = blobs.by_sha1(&manifest.identifier.sha1())?;
    let sha512 = manifest.checksums.sha512();
    let is_it = blob.bytes == manifest.bytes && sha512.is_none_or(|sha512| sha512 == blob.sha512);
    is_it.then_some(blob)
}
