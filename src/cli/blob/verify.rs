//! `suq blob verify`

use clap::Args;
use serde::Serialize;

use super::super::progress::bytes_bar;
use super::super::{Common, Exit, ask, output};
use super::chosen;
use crate::blobs::{Blob, Blobs, Damage, Found};
use crate::home::Home;
use crate::model::{Identifier, Sha512};
use crate::node::{Answer, Call, ImageName};

/// Reads stored images again.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// Only this image
    image: Option<ImageName>,
    /// Move damaged ones out of the way and fetch them again
    #[arg(long)]
    repair: bool,
}

/// What became of one image: with `--json`, one for each.
#[derive(Debug, Serialize)]
struct Verified {
    identifier: Identifier,
    sha512: Sha512,
    bytes: u64,
    state: State,
    /// What is wrong with it.
    reason: Option<String>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Sound,
    /// Its bytes are not those of its name; still in its place.
    Damaged,
    /// Moved out of the way, and not fetched again.
    SetAside,
    /// Moved out of the way, and fetched again.
    Repaired,
    /// Taken away meanwhile.
    Gone,
}

impl Verify {
    pub(super) fn run(self, common: &Common, home: &Home, blobs: &Blobs) -> Result<(), Exit> {
        let mut verified = Vec::new();
        for blob in chosen(blobs, self.image)? {
            let bar = bytes_bar(blob.bytes, "verifying");
            let found = blobs.verify(&blob.sha512, |bytes| bar.inc(bytes))?;
            bar.finish_and_clear();
            let (state, reason) = match found {
                Found::Sound(_) => (State::Sound, None),
                Found::Gone => (State::Gone, None),
                Found::Damaged(damage) if self.repair => repair(home, blobs, &blob, &damage)?,
                Found::Damaged(damage) => (State::Damaged, Some(damage.reason)),
            };
            let identifier = Identifier::from_sha1(blob.sha1);
            let Blob { sha512, bytes, .. } = blob;
            verified.push(Verified { identifier, sha512, bytes, state, reason });
        }
        show(common, &verified)
    }
}

fn repair(
    home: &Home,
    blobs: &Blobs,
    blob: &Blob,
    damage: &Damage,
) -> Result<(State, Option<String>), Exit> {
    let reason = damage.reason.clone();
    if !blobs.set_aside(damage)? {
        return Ok((State::Gone, Some(reason)));
    }
    let image = ImageName::Identifier(Identifier::from_sha1(blob.sha1));
    // Whoever wants to use it is judged anew; here it only has to be whole again.
    let bar = bytes_bar(blob.bytes, "fetching");
    let fetched = ask::call(home, &Call::Get { image, stale: true }, |progress| {
        if let Answer::Progress(progress) = progress {
            bar.set_position(progress.done);
        }
    });
    bar.finish_and_clear();
    match fetched {
        Ok(_) => Ok((State::Repaired, Some(reason))),
        Err(exit) => {
            let reason = format!("{reason}; not fetched again: {}", exit.message);
            Ok((State::SetAside, Some(reason)))
        }
    }
}

fn show(common: &Common, verified: &[Verified]) -> Result<(), Exit> {
    if common.json {
        output::json(&verified)?;
    }
    let reason = |verified: &Verified| verified.reason.clone().unwrap_or_default();
    let mut wrong = Vec::new();
    for image in verified {
        match image.state {
            State::Sound | State::Gone => {}
            State::Repaired if common.json => {}
            State::Repaired => {
                output::line(format!("{}: fetched again: {}", image.identifier, reason(image)));
            }
            State::Damaged => wrong.push(format!("{}: {}", image.identifier, reason(image))),
            State::SetAside => {
                wrong.push(format!("{}: moved aside: {}", image.identifier, reason(image)));
            }
        }
    }
    if !wrong.is_empty() {
        let damaged = verified.iter().any(|image| image.state == State::Damaged);
        let advice = if damaged { "\nfetch it again with `suq blob verify --repair`" } else { "" };
        return Err(Exit::new(Exit::NOT_VERIFIED, format!("{}{advice}", wrong.join("\n"))));
    }
    if !common.json {
        let sound = verified.iter().filter(|image| image.state != State::Gone).count();
        output::line(format!("{sound} images verified"));
    }
    Ok(())
}
