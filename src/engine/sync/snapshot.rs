//! What a node knows at one moment, in the form that reconciliation reads.

use std::sync::Arc;

use negentropy::{Bound, Error, Id, Item, Negentropy, NegentropyStorageBase};

use super::density;
use crate::engine::catalogue::Catalogue;
use crate::model::ContentId;
use crate::wire::{MAX_RECONCILE_FRAME_BYTES, Position};

/// Known documents, sorted by (endorsement date, content id).
#[derive(Debug, Clone)]
pub(in crate::engine) struct Snapshot(Arc<[Item]>);

/// The running snapshot, made anew only when the catalogue has changed.
#[derive(Debug, Default)]
pub(in crate::engine) struct Latest(Option<(u64, Snapshot)>);

impl Latest {
    pub(super) fn of(&mut self, catalogue: &Catalogue) -> Snapshot {
        match &self.0 {
            Some((version, snapshot)) if *version == catalogue.version() => snapshot.clone(),
            _ => {
                let snapshot = Snapshot::of(catalogue);
                self.0 = Some((catalogue.version(), snapshot.clone()));
                snapshot
            }
        }
    }
}

impl Snapshot {
    fn of(catalogue: &Catalogue) -> Snapshot {
        let mut items = Vec::with_capacity(catalogue.len());
        items.extend(catalogue.in_order().map(|(created, id)| {
            // Endorsements before 1970 all sort first; their ids tell them apart.
            let seconds = u64::try_from(created.seconds()).unwrap_or(0);
            Item::with_timestamp_and_id(seconds, Id::from_byte_array(*id.as_bytes()))
        }));
        // Only those before 1970 can be out of order after the clamping.
        items.sort_unstable();
        Snapshot(items.into())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// At most `count` entries from a place on, and the place of the one after them.
    pub(in crate::engine) fn page(
        &self,
        from: Position,
        count: usize,
    ) -> (impl Iterator<Item = ContentId>, Option<Position>) {
        let from =
            Item::with_timestamp_and_id(from.seconds, Id::from_byte_array(*from.id.as_bytes()));
        let rest = &self.0[self.0.partition_point(|item| *item < from)..];
        let page = &rest[..count.min(rest.len())];
        let next = rest.get(count).map(|item| Position { seconds: item.timestamp, id: id(item) });
        (page.iter().map(id), next)
    }

    /// Answers one frame of a peer's reconciliation.
    pub(in crate::engine) fn respond(&self, frame: &[u8]) -> Result<Vec<u8>, Error> {
        Negentropy::borrowed(self, MAX_RECONCILE_FRAME_BYTES as u64)?.reconcile(frame)
    }
}

fn id(item: &Item) -> ContentId {
    ContentId::from_bytes(item.id.to_bytes())
}

/// Our side of a reconciliation that we began.
#[derive(Debug)]
pub(super) struct Reconciliation {
    negentropy: Negentropy<'static, Snapshot>,
    snapshot: Snapshot,
}

/// What one frame of the peer brought.
#[derive(Debug)]
pub(super) struct Step {
    /// Ids that the peer has and we do not; may repeat those of earlier steps.
    pub(super) need: Vec<ContentId>,
    /// The next frame; none when the sets are reconciled.
    pub(super) next: Option<Vec<u8>>,
    /// Before this everything is settled.
    pub(super) unsettled: Position,
    /// True when so much differs that the peer's list is cheaper.
    pub(super) is_dense: bool,
}

impl Reconciliation {
    /// Begins, and gives the first frame.
    pub(super) fn begin(snapshot: Snapshot) -> Result<(Reconciliation, Vec<u8>), Error> {
        let limit = MAX_RECONCILE_FRAME_BYTES as u64;
        let mut negentropy = Negentropy::owned(snapshot.clone(), limit)?;
        let frame = negentropy.initiate()?;
        Ok((Reconciliation { negentropy, snapshot }, frame))
    }

    /// Takes the peer's frame.
    pub(super) fn proceed(&mut self, frame: &[u8]) -> Result<Step, Error> {
        let (mut have, mut need) = (Vec::new(), Vec::new());
        let next = self.negentropy.reconcile_with_ids(frame, &mut have, &mut need)?;
        let is_dense = next.is_some()
            && density::is_dense(&self.snapshot, frame, need.len(), need.len() + have.len());
        let unsettled = density::first_unsettled(next.as_deref().unwrap_or_default());
        // The order of what negentropy finds depends on the process.
        need.sort_unstable();
        let need = need.iter().map(|id| ContentId::from_bytes(id.to_bytes())).collect();
        Ok(Step { need, next, unsettled, is_dense })
    }

    /// Entries on our side.
    pub(super) fn len(&self) -> usize {
        self.snapshot.len()
    }
}

impl NegentropyStorageBase for Snapshot {
    fn size(&self) -> Result<usize, Error> {
        Ok(self.0.len())
    }

    fn get_item(&self, index: usize) -> Result<Option<Item>, Error> {
        Ok(self.0.get(index).copied())
    }

    fn iterate(
        &self,
        begin: usize,
        end: usize,
        each: &mut dyn FnMut(Item, usize) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let items = self.0.get(begin..end).ok_or(Error::BadRange)?;
        for (offset, item) in items.iter().enumerate() {
            if !each(*item, begin + offset)? {
                break;
            }
        }
        Ok(())
    }

    fn find_lower_bound(&self, first: usize, last: usize, bound: &Bound) -> usize {
        let range = self.0.get(first..last).unwrap_or(&[]);
        first + range.partition_point(|item| *item < bound.item)
    }
}
