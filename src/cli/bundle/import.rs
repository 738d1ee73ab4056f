//! `suq bundle import`

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;

use super::super::progress::bytes_bar;
use super::super::{Common, Exit, ask, output};
use super::export::stored;
use crate::blobs::{Blobs, Expected, Finished, Incoming, PIECE_BYTES};
use crate::home::Home;
use crate::manifest::Verifier;
use crate::node::{Answer, Call};
use crate::wire::{BadBundle, BundleFrame, open_bundle, read_frame};

/// Publish what is in a bundle to this site's node. Exit 5 when something in it is
/// not what it says, 1 when the bundle was cut.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The bundle
    file: PathBuf,
}

/// What became of the parts.
#[derive(Debug, Default, Serialize)]
struct Report {
    admitted: u64,
    /// They were here before.
    known: u64,
    /// They will be judged when their date comes.
    waiting: u64,
    /// By this site's rules.
    refused: u64,
    /// They are not what they say.
    unverified: u64,
    /// Why, of the first of the last two kinds.
    reasons: Vec<String>,
    images: u64,
    images_known: u64,
    /// Their manifest was refused.
    images_skipped: u64,
}

/// Reasons that a report gives.
const MAX_REASONS: usize = 1000;

impl Report {
    fn refused(&mut self, reason: String) {
        self.refused += 1;
        self.explain(reason);
    }

    fn unverified(&mut self, reason: String) {
        self.unverified += 1;
        self.explain(reason);
    }

    fn explain(&mut self, reason: String) {
        if self.reasons.len() < MAX_REASONS {
            self.reasons.push(reason);
        }
    }
}

impl Import {
    pub(super) fn run(self, common: &Common) -> Result<(), Exit> {
        let home = ask::home(common)?;
        let file = File::open(&self.file).map_err(Exit::io(&self.file))?;
        let mut input = BufReader::new(file);
        let bad = |error: BadBundle| {
            let advice = "what came before is in the catalogue; get the file again and repeat";
            Exit::failed(format!("{}: {error}; {advice}", self.file.display()))
        };
        open_bundle(&mut input).map_err(bad)?;
        let blobs = ask::blobs(&home)?;
        let mut reader = Reader {
            home,
            blobs,
            verifier: Verifier::new(),
            report: Report::default(),
            accepted: None,
            image: None,
        };
        let ended = loop {
            match read_frame(&mut input) {
                Ok(BundleFrame::End { .. }) => break reader.end_image(),
                Ok(frame) => {
                    if let Err(exit) = reader.take(frame) {
                        break Err(exit);
                    }
                }
                Err(error) => break Err(bad(error)),
            }
        };
        show(common, &reader.report)?;
        ended?;
        match reader.report.unverified {
            0 => Ok(()),
            count => {
                let message = format!("{count} parts are not what they say");
                Err(Exit::new(Exit::NOT_VERIFIED, message))
            }
        }
    }
}

struct Reader {
    home: Home,
    blobs: Blobs,
    verifier: Verifier,
    report: Report,
    /// The manifest before this frame, when this site takes it.
    accepted: Option<Vec<u8>>,
    image: Option<Image>,
}

/// An image whose bytes are being read.
struct Image {
    incoming: Incoming,
    bytes: u64,
    /// The piece that is being read, and what of it was read.
    piece: u32,
    octets: Vec<u8>,
    bar: ProgressBar,
}

impl Reader {
    fn take(&mut self, frame: BundleFrame) -> Result<(), Exit> {
        match frame {
            BundleFrame::Data(data) => self.data(data),
            BundleFrame::Manifest(octets) => {
                self.end_image()?;
                self.manifest(octets)
            }
            BundleFrame::Image { bytes, .. } => {
                self.end_image()?;
                self.begin_image(bytes)
            }
            BundleFrame::End { .. } => self.end_image(),
        }
    }

    fn manifest(&mut self, octets: Vec<u8>) -> Result<(), Exit> {
        self.accepted = None;
        let Ok(document) = String::from_utf8(octets) else {
            self.report.unverified("a manifest that is not UTF-8".to_owned());
            return Ok(());
        };
        match ask::call(&self.home, &Call::Publish(document.clone()), |_| {}) {
            Ok(Answer::Published { already, .. }) => {
                *(if already { &mut self.report.known } else { &mut self.report.admitted }) += 1;
                self.accepted = Some(document.into_bytes());
            }
            Ok(Answer::Waiting { .. }) => self.report.waiting += 1,
            Ok(other) => return Err(ask::unexpected(&other)),
            Err(exit) if exit.code == Exit::REFUSED => self.report.refused(exit.message),
            Err(exit) if exit.code == Exit::NOT_VERIFIED => {
                self.report.unverified(exit.message);
            }
            Err(exit) => return Err(exit),
        }
        Ok(())
    }

    fn begin_image(&mut self, bytes: u64) -> Result<(), Exit> {
        let verified = self.accepted.take().map(|octets| self.verifier.verify(&octets));
        let Some(Ok(verified)) = verified else {
            self.report.images_skipped += 1;
            return Ok(());
        };
        let manifest = verified.manifest();
        if stored(&self.blobs, manifest).is_some() {
            self.report.images_known += 1;
            return Ok(());
        }
        if bytes != manifest.bytes {
            let fault = format!("the image of {} has {bytes} bytes", manifest.identifier);
            self.report.unverified(fault);
            return Ok(());
        }
        let expected = Expected { bytes, checksums: manifest.checksums.clone() };
        let room = self.blobs.room_for(&expected.checksums, bytes);
        ask::make_room(&self.home, &self.blobs, room)?;
        let incoming = Incoming::begin(&self.blobs, expected)?;
        let bar = bytes_bar(bytes, "image");
        self.image = Some(Image { incoming, bytes, piece: 0, octets: Vec::new(), bar });
        Ok(())
    }

    /// Takes the next bytes of an image, piece by piece.
    fn data(&mut self, data: Vec<u8>) -> Result<(), Exit> {
        let Some(image) = &mut self.image else { return Ok(()) };
        image.bar.inc(data.len() as u64);
        let mut data = data.as_slice();
        while !data.is_empty() {
            let begin = u64::from(image.piece) * PIECE_BYTES;
            let length = PIECE_BYTES.min(image.bytes.saturating_sub(begin)) as usize;
            if length == 0 {
                // More than its manifest says: the checksums tell.
                return Ok(());
            }
            let (here, rest) = data.split_at(data.len().min(length - image.octets.len()));
            image.octets.extend_from_slice(here);
            data = rest;
            if image.octets.len() == length {
                let octets = Bytes::from(std::mem::take(&mut image.octets));
                image.incoming.take(image.piece, &octets)?;
                image.piece += 1;
            }
        }
        Ok(())
    }

    fn end_image(&mut self) -> Result<(), Exit> {
        let Some(image) = self.image.take() else { return Ok(()) };
        image.bar.finish_and_clear();
        match image.incoming.finish()? {
            Finished::Placed(_) => self.report.images += 1,
            Finished::Wrong(mut incoming, error) => {
                incoming.keep(|_| false)?;
                self.report.unverified(error.to_string());
            }
        }
        Ok(())
    }
}

fn show(common: &Common, report: &Report) -> Result<(), Exit> {
    if common.json {
        return output::json(report);
    }
    report.reasons.iter().for_each(|reason| output::note(reason));
    let Report { admitted, known, waiting, refused, unverified, .. } = report;
    output::line(format!(
        "manifests  {admitted} admitted, {known} known before, {waiting} wait for their date, \
         {refused} refused"
    ));
    let Report { images, images_known, images_skipped, .. } = report;
    output::line(format!(
        "images     {images} added, {images_known} known before, {images_skipped} of refused \
         manifests"
    ));
    if *unverified > 0 {
        output::line(format!("forged     {unverified} parts are not what they say"));
    }
    Ok(())
}
