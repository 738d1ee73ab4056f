//! The providers of a transfer, what each brought, and who sent what was wrong.
//!
//! Where the manifest signs the pieces, a wrong one is known when it arrives. Where it
//! does not, only the whole blob can be checked. A blob from one provider that is wrong
//! is that provider's fault. One from several is fetched again from one of them alone,
//! but for the pieces that are as that one's own list has them; and once it is right,
//! the pieces that differ tell who sent wrong ones.

use crate::blobs::{Blob, BlobError, Blobs, Incoming, PIECE_BYTES};
use crate::engine::{Provider, ProviderId, Share, Wanted};
use crate::model::{Peer, Sha256, Sha512};
use crate::net::BlobStreams;
use crate::wire::PieceDigests;

use super::keeper::Kept;
use super::{blocking, peer};

/// Where a blob comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// A peer, and the name that it serves the blob under.
    Peer(Peer, Sha512),
    /// A location.
    Url(String),
}

impl Source {
    fn provider(&self) -> Provider {
        match self {
            Source::Peer(peer, _) => Provider::Peer(*peer),
            Source::Url(url) => Provider::Url(url.clone()),
        }
    }
}

struct Known {
    source: Source,
    /// It was asked for the digests of all pieces.
    asked: bool,
    brought: u64,
    failed: Option<String>,
    lied: bool,
}

#[derive(Default)]
pub(super) struct Sources {
    known: Vec<Known>,
    /// Who brought each piece; none for those of an earlier attempt.
    senders: Vec<Option<ProviderId>>,
    /// The only one that may bring pieces now, since the blob was wrong.
    trial: Option<ProviderId>,
    /// The pieces of every blob that was wrong, and who brought them.
    wrong: Vec<(u32, ProviderId, Sha256)>,
}

impl Sources {
    pub(super) fn pieces(&mut self, count: usize) {
        self.senders = vec![None; count];
    }

    pub(super) fn add_peer(&mut self, peer: Peer, sha512: Sha512) {
        self.add(Source::Peer(peer, sha512));
    }

    pub(super) fn add_url(&mut self, url: String) {
        self.add(Source::Url(url));
    }

    fn add(&mut self, source: Source) {
        let provider = source.provider();
        match self.known.iter_mut().find(|known| known.source.provider() == provider) {
            // It is connected again, or says once more that it holds the blob.
            Some(known) if !known.lied => known.failed = None,
            Some(_) => {}
            None => {
                let (brought, failed, lied, asked) = (0, None, false, false);
                self.known.push(Known { source, asked, brought, failed, lied });
            }
        }
    }

    /// Those that may bring pieces.
    pub(super) fn usable(&self) -> Vec<ProviderId> {
        let ids = (0..self.known.len()).map(ProviderId);
        ids.filter(|id| self.is_usable(*id) && self.trial.is_none_or(|trial| trial == *id))
            .collect()
    }

    fn is_usable(&self, id: ProviderId) -> bool {
        self.known.get(id.0).is_some_and(|known| known.failed.is_none() && !known.lied)
    }

    pub(super) fn source(&self, id: ProviderId) -> Option<Source> {
        self.known.get(id.0).map(|known| known.source.clone())
    }

    /// A peer that was not asked for the digests of all pieces.
    pub(super) fn next_for_digests(&mut self) -> Option<(Peer, Sha512)> {
        let next = self.known.iter_mut().filter(|known| !known.asked && !known.lied);
        for known in next {
            known.asked = true;
            if let Source::Peer(peer, sha512) = known.source {
                return Some((peer, sha512));
            }
        }
        None
    }

    pub(super) fn note(&mut self, verdict: &Kept) {
        match *verdict {
            Kept::Piece { from, piece, length } => {
                if let Some(sender) = self.senders.get_mut(piece as usize) {
                    *sender = Some(from);
                }
                if let Some(known) = self.known.get_mut(from.0) {
                    known.brought += length;
                }
            }
            Kept::Wrong { from, piece } => {
                self.lied(from, not_signed(piece));
            }
        }
    }

    pub(super) fn ended(&mut self, id: ProviderId, outcome: Result<(), String>) {
        if let (Err(reason), Some(known)) = (outcome, self.known.get_mut(id.0)) {
            known.failed.get_or_insert(reason);
        }
    }

    fn lied(&mut self, id: ProviderId, reason: String) {
        if let Some(known) = self.known.get_mut(id.0) {
            known.lied = true;
            known.failed = Some(reason);
        }
    }

    /// The provider that the blob is fetched from alone has failed: true when there is
    /// another one for that.
    pub(super) fn try_another(&mut self) -> bool {
        self.trial.is_some() && self.choose_trial()
    }

    /// The one that brought the most of those that can go on.
    fn choose_trial(&mut self) -> bool {
        let ids = (0..self.known.len()).map(ProviderId).filter(|id| self.is_usable(*id));
        self.trial = ids.max_by_key(|id| self.known[id.0].brought);
        self.trial.is_some()
    }

    /// A blob whose pieces are all here is wrong: keeps what may still be right, and
    /// decides who goes on.
    pub(super) async fn trace(
        &mut self,
        mut incoming: Box<Incoming>,
        error: BlobError,
        streams: &BlobStreams,
        wanted: &Wanted,
    ) -> Result<Incoming, BlobError> {
        let reason = error.to_string();
        let (incoming, signed) = blocking(move || {
            let wrong = incoming.keep_signed()?;
            if wrong.as_ref().is_some_and(Vec::is_empty) {
                // Every piece is as signed: the manifest contradicts itself.
                incoming.keep(|_| false)?;
                return Err(error);
            }
            Ok((incoming, wrong))
        })
        .await?;
        if let Some(wrong) = signed {
            for piece in wrong {
                let sender = self.senders.get_mut(piece as usize).and_then(Option::take);
                if let Some(sender) = sender {
                    self.lied(sender, not_signed(piece));
                }
            }
            return Ok(*incoming);
        }
        if let Some(alone) = self.alone().or(self.trial) {
            self.lied(alone, reason);
            if self.trial.is_none() {
                return self.keep_of_trial(incoming).await;
            }
        }
        let (incoming, digests) = digests(incoming, self.senders.len()).await?;
        // Who has lied already needs no more proof.
        let sender = |sender: &Option<ProviderId>| sender.filter(|id| !self.known[id.0].lied);
        let pieces = (0_u32..).zip(&self.senders).zip(&digests);
        let pieces = pieces
            .filter_map(|((piece, id), digest)| sender(id).map(|sender| (piece, sender, *digest)));
        let pieces: Vec<_> = pieces.collect();
        self.wrong.extend(pieces);
        self.choose_trial();
        let list = self.list_of_trial(streams, wanted).await;
        let is_listed = |piece: u32, digest: &Sha256| {
            list.as_ref().and_then(|list| list.get(piece)).is_some_and(|listed| listed == *digest)
        };
        let listed = (0_u32..).zip(&digests).map(|(piece, digest)| is_listed(piece, digest));
        self.keep(incoming, listed).await
    }

    /// The digests of all pieces as the one has them that is to bring everything: nobody
    /// signed them, but when it is honest they are right, and when it is not the blob is
    /// wrong again.
    async fn list_of_trial(&self, streams: &BlobStreams, wanted: &Wanted) -> Option<PieceDigests> {
        let source = self.trial.and_then(|trial| self.source(trial))?;
        let Source::Peer(peer, sha512) = source else { return None };
        let list = peer::pieces((peer, sha512), streams, wanted).await;
        list.inspect_err(|reason| tracing::debug!(%peer, reason, "no list of pieces")).ok()
    }

    /// The provider that brought every piece; none when there were several, or when some
    /// are of an earlier attempt.
    fn alone(&self) -> Option<ProviderId> {
        let first = self.senders.first().copied().flatten()?;
        self.senders.iter().all(|sender| *sender == Some(first)).then_some(first)
    }

    /// Keeps what the one brought that is to bring everything; nothing when all may.
    pub(super) async fn keep_of_trial(
        &mut self,
        incoming: Box<Incoming>,
    ) -> Result<Incoming, BlobError> {
        self.keep(incoming, std::iter::repeat(false)).await
    }

    /// The same, and the pieces that are as its list has them.
    async fn keep(
        &mut self,
        mut incoming: Box<Incoming>,
        listed: impl Iterator<Item = bool>,
    ) -> Result<Incoming, BlobError> {
        let mut kept = Vec::with_capacity(self.senders.len());
        for (sender, is_listed) in self.senders.iter_mut().zip(listed) {
            let is_kept = is_listed || (sender.is_some() && *sender == self.trial);
            *sender = sender.filter(|_| is_kept);
            kept.push(is_kept);
        }
        let is_kept = move |piece: u32| kept.get(piece as usize).is_some_and(|kept| *kept);
        blocking(move || incoming.keep(is_kept).map(|()| *incoming)).await
    }

    /// The blob is right now: whoever sent other pieces before has lied.
    pub(super) async fn convict(&mut self, blobs: &Blobs, blob: &Blob) -> Result<(), BlobError> {
        let wrong = std::mem::take(&mut self.wrong);
        if wrong.is_empty() {
            return Ok(());
        }
        let (blobs, blob) = (blobs.clone(), *blob);
        let right = blocking(move || blobs.digests(&blob)).await?;
        for (piece, sender, digest) in wrong {
            if right.get(piece).is_some_and(|right| right != digest) {
                let offset = u64::from(piece) * PIECE_BYTES;
                self.lied(sender, format!("the bytes it sent from {offset} on were wrong"));
            }
        }
        Ok(())
    }

    /// How much each has brought.
    pub(super) fn shares(&self) -> Vec<Share> {
        let brought = self.known.iter().filter(|known| known.brought > 0);
        let share = |known: &Known| Share { from: known.source.provider(), bytes: known.brought };
        brought.map(share).collect()
    }

    /// Peers that sent wrong bytes, and what was wrong.
    pub(super) fn blamed(&self) -> Vec<(Peer, String)> {
        let lied = self.known.iter().filter(|known| known.lied);
        let blamed = lied.filter_map(|known| match known.source {
            Source::Peer(peer, _) => Some((peer, known.failed.clone().unwrap_or_default())),
            Source::Url(_) => None,
        });
        blamed.collect()
    }

    /// Why each that failed did.
    pub(super) fn failures(&self) -> Vec<(Provider, String)> {
        let failed = |known: &Known| Some((known.source.provider(), known.failed.clone()?));
        self.known.iter().filter_map(failed).collect()
    }
}

fn not_signed(piece: u32) -> String {
    format!("piece {piece} was not what the manifest signs")
}

/// The digests of all pieces as they are on the disk.
async fn digests(
    incoming: Box<Incoming>,
    count: usize,
) -> Result<(Box<Incoming>, Vec<Sha256>), BlobError> {
    blocking(move || {
        let digests = (0..count as u32).map(|piece| incoming.digest(piece));
        let digests = digests.collect::<Result<_, _>>()?;
        Ok((incoming, digests))
    })
    .await
}
