//! Who has an image's bytes: many peers are asked, so that is bounded whoever wants to know.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::rate::Rates;
use super::parameters::part;
use super::problem::Problem;
use super::{Api, answer, now};
use crate::model::{Peer, Sha512};
use crate::node::{Answer, Call, ImageName};

/// How long an answer of the peers is told again.
const FRESH: Duration = Duration::from_secs(30);

/// Answers that are kept: of 32 peers each has a kilobyte.
const MAX_KEPT: usize = 256;

/// What was asked of the peers.
#[derive(Debug, Default)]
pub(super) struct Surveys {
    /// Held while peers are asked: the node has few places for that, and needs them itself
    /// before it gives an image up.
    asking: tokio::sync::Mutex<()>,
    kept: Mutex<BTreeMap<Sha512, (Instant, BTreeSet<Peer>)>>,
    rates: Rates,
}

impl Surveys {
    /// Connected peers that say to hold a blob.
    async fn holders(
        &self,
        api: &Api,
        sha512: Sha512,
        bytes: u64,
    ) -> Result<BTreeSet<Peer>, Problem> {
        let _alone = self.asking.lock().await;
        let began = Instant::now();
        if let Some(peers) = self.kept(&sha512, began) {
            return Ok(peers);
        }
        // All who ask are one: it is the peers that are spared.
        let paid = self.rates.pay(Ipv4Addr::UNSPECIFIED.into(), began);
        paid.map_err(|_| Problem::busy("peers were asked for many images: ask again later"))?;
        match api.ask(Call::Holders { sha512, bytes }).await? {
            Answer::Holders(peers) => {
                self.keep(sha512, began, peers.clone());
                Ok(peers)
            }
            _ => Err(Problem::broken(&"an answer that fits no question")),
        }
    }

    fn kept(&self, sha512: &Sha512, now: Instant) -> Option<BTreeSet<Peer>> {
        // Nothing panics while it is held.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (asked, _)| now.duration_since(*asked) < FRESH);
        kept.get(sha512).map(|(_, peers)| peers.clone())
    }

    fn keep(&self, sha512: Sha512, asked: Instant, peers: BTreeSet<Peer>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MAX_KEPT {
            kept.insert(sha512, (asked, peers));
        }
    }
}

/// Which sites say to have an image's bytes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Holders {
    /// The image.
    identifier: String,
    /// True when they are in this site's store.
    here: bool,
    /// Connected peers that say to have them.
    peers: Vec<String>,
}

/// Which sites have an image's bytes: connected peers are asked.
#[utoipa::path(get, path = "/api/v1/images/{image}/holders", params(
    ("image" = String, Path, description = "Identifier, SHA-1 or SHA-512 of the image."),
), responses(
    (status = 200, description = "Who says to have them.", body = Holders),
    (status = 304, description = "They are as If-None-Match names them."),
    (status = 403, description = "This site does not tell it.", body = Problem,
        content_type = "application/problem+json"),
    (status = 404, description = "No entry describes it.", body = Problem,
        content_type = "application/problem+json"),
    (status = 503, description = "Too much is asked of the peers.", body = Problem,
        content_type = "application/problem+json"),
    (status = "default", description = "A problem.", body = Problem,
        content_type = "application/problem+json"),
))]
pub(super) async fn holders(
    State(api): State<Api>,
    Path(image): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    api.tells()?;
    let name: ImageName = part(&image)?;
    let known = api.read(move |catalogue| Ok(catalogue.timeline(&name, now())?)).await?;
    let manifest = known.first().map(|entry| &entry.manifest);
    let manifest = manifest.ok_or_else(|| Problem::not_found("no entry describes it"))?;
    let sha512 = known.iter().find_map(|entry| entry.manifest.checksums.sha512());
    let peers = match sha512 {
        // Peers are asked by the name that blobs have in stores.
        None => BTreeSet::new(),
        Some(sha512) => api.surveys.holders(&api, sha512, manifest.bytes).await?,
    };
    let holders = Holders {
        identifier: manifest.identifier.to_string(),
        here: known.iter().any(|entry| entry.blob_here),
        peers: peers.iter().map(ToString::to_string).collect(),
    };
    answer::json(&headers, &holders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_again_for_a_while_and_few_are_kept() {
        let (surveys, now) = (Surveys::default(), Instant::now());
        let blob = |n: u16| {
            let mut octets = [0; 64];
            octets[..2].copy_from_slice(&n.to_be_bytes());
            Sha512::from_bytes(octets)
        };
        for n in 0..1000 {
            surveys.keep(blob(n), now, BTreeSet::from([Peer::from_key([1; 32])]));
        }
        let kept = |n, then| surveys.kept(&blob(n), then).is_some();
        assert!(kept(0, now) && kept(255, now) && !kept(256, now));
        assert!(!kept(0, now + FRESH));
        assert!(surveys.kept.lock().unwrap().is_empty());
    }
}
