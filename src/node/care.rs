//! Care for stored images while the node runs: every one is read again now and then,
//! what rotted is fetched again, and leftovers go.

use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until};

use super::collect::Collect;
use super::jobs::Done;
use super::{Answer, Call, ImageName, Node};
use crate::blobs::{BlobError, Blobs, Damage, Found, Reread, ScrubState};
use crate::home::BlobSettings;
use crate::model::{Identifier, Sha1, Sha512, Timestamp};

/// Between two collections.
const COLLECTION: Duration = Duration::from_secs(3600);

/// What could not be fetched again is tried once more after this long.
const RETRY: Duration = Duration::from_secs(60);

/// The shortest rest of the scrub, whatever the settings say.
const MIN_REST: Duration = Duration::from_millis(100);

/// Whoever cares for the images of a node.
pub(super) struct Care {
    pub(super) node: Node,
    pub(super) blobs: Blobs,
    pub(super) settings: BlobSettings,
    pub(super) done: UnboundedSender<Done>,
    /// Something was found damaged.
    pub(super) found: Notify,
}

/// What comes after a step of the scrub.
enum Next {
    /// Another step.
    Step,
    /// Nothing for this long.
    Rest(Duration),
}

impl Care {
    /// Cares until it is dropped.
    pub(super) async fn run(self) {
        tokio::join!(self.collect(), self.scrub(), self.repair());
    }

    async fn collect(&self) {
        loop {
            match self.node.call(Call::Collect(Collect::default())).await {
                Answer::Collected(view) if view.removed.is_empty() && view.leftovers == 0 => {}
                Answer::Collected(view) => {
                    let (removed, leftovers) = (view.removed.len(), view.leftovers);
                    tracing::info!(removed, leftovers, "images were collected");
                }
                Answer::Failed(failure) => tracing::warn!("images are not collected: {failure}"),
                _ => {}
            }
            sleep(COLLECTION).await;
        }
    }

    async fn scrub(&self) {
        let Some(period) = self.settings.scrub else { return };
        loop {
            match self.step(period.0).await {
                Ok(Next::Step) => {}
                Ok(Next::Rest(time)) => sleep(time).await,
                Err(error) => {
                    tracing::error!("images cannot be read again: {error}");
                    sleep(RETRY).await;
                }
            }
        }
    }

    /// Reads the next blob again, or waits for the next round.
    async fn step(&self, period: Duration) -> Result<Next, BlobError> {
        let now = Timestamp::from(SystemTime::now());
        let state = self.blobs.scrub_state();
        if let Some(wait) = state.wait(period, now) {
            return Ok(Next::Rest(wait.clamp(MIN_REST, RETRY)));
        }
        if !state.is_under_way() {
            self.note(|state| state.begin(now))?;
        }
        let blobs = self.blobs.clone();
        let Some(sha512) = blocking(move || blobs.next_to_scrub(&blobs.scrub_state())).await?
        else {
            self.note(|state| state.ended = Some(now))?;
            return Ok(Next::Step);
        };
        match self.reread(sha512).await {
            Ok(Found::Damaged(damage)) => self.damaged(damage).await?,
            Ok(Found::Sound(_) | Found::Gone) => {}
            Err(error) => tracing::error!("{sha512} is passed over: {error}"),
        }
        self.note(|state| {
            state.read += 1;
            state.after = Some(sha512);
        })?;
        Ok(Next::Step)
    }

    /// Changes where the scrub is. Nothing comes between reading and writing: all care is
    /// one task.
    fn note(&self, change: impl FnOnce(&mut ScrubState)) -> Result<(), BlobError> {
        let mut state = self.blobs.scrub_state();
        change(&mut state);
        self.blobs.set_scrub_state(&state)
    }

    /// Reads one blob again, no faster than the settings allow.
    async fn reread(&self, sha512: Sha512) -> Result<Found, BlobError> {
        let blobs = self.blobs.clone();
        let begun = blocking(move || Reread::begin(&blobs, &sha512)).await?;
        let Some(mut reread) = begun else { return Ok(Found::Gone) };
        let (started, rate) = (Instant::now(), self.settings.scrub_rate.0.max(1));
        let mut read = 0;
        loop {
            let step;
            (reread, step) = blocking(move || {
                let step = reread.step();
                Ok((reread, step))
            })
            .await?;
            match step {
                Ok(Some(bytes)) => read += bytes,
                Ok(None) => return blocking(move || reread.finish()).await,
                Err(error) => return blocking(move || reread.unreadable(&error)).await,
            }
            let due = Duration::from_secs_f64(read as f64 / rate as f64);
            sleep_until(started + due).await;
        }
    }

    async fn damaged(&self, damage: Damage) -> Result<(), BlobError> {
        let (blobs, found) = (self.blobs.clone(), damage.clone());
        if !blocking(move || blobs.set_aside(&found)).await? {
            return Ok(());
        }
        self.note(|state| state.damaged += 1)?;
        let Damage { sha512, sha1, reason, .. } = damage;
        let image = name(sha512, sha1);
        self.alert(format!(
            "the stored image {image} is damaged: {reason}; it is moved to blobs/damaged and \
             fetched again when a current entry names it. Check the disk"
        ));
        self.found.notify_one();
        Ok(())
    }

    /// Has fetched again what was found damaged, as soon as somebody can send it.
    async fn repair(&self) {
        loop {
            let damaged = self.blobs.damaged().unwrap_or_else(|error| {
                tracing::error!("{error}");
                Vec::new()
            });
            for (sha512, sha1) in damaged {
                self.fetch(name(sha512, sha1)).await;
            }
            let _ = tokio::time::timeout(RETRY, self.found.notified()).await;
        }
    }

    async fn fetch(&self, image: ImageName) {
        // Whoever wants to use it is judged anew; here it only has to be whole again.
        match self.node.call(Call::Get { image, stale: true }).await {
            Answer::Got(_) => {
                self.alert(format!("the image {image} was fetched again and is whole"));
                if let Err(error) = self.note(|state| state.repaired += 1) {
                    tracing::error!("{error}");
                }
            }
            Answer::Failed(failure) => tracing::debug!("{image} is still damaged: {failure}"),
            _ => {}
        }
    }

    fn alert(&self, text: String) {
        // The run loop is gone when the node stops.
        let _ = self.done.send(Done::Alert(text));
    }
}

fn name(sha512: Sha512, sha1: Option<Sha1>) -> ImageName {
    match sha1 {
        Some(sha1) => ImageName::Identifier(Identifier::from_sha1(sha1)),
        None => ImageName::Sha512(sha512),
    }
}

/// Work on the disk, on a thread where it blocks nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    spawn_blocking(work).await.unwrap_or_else(|died| {
        let source = std::io::Error::other(died);
        Err(BlobError::Io { path: "blobs".into(), source })
    })
}
