//! What a node knows at one moment, in the form that reconciliation reads.

use std::sync::Arc;

use negentropy::{Bound, Error, Id, Item, Negentropy, NegentropyStorageBase};

use super::catalogue::Catalogue;
use crate::model::ContentId;
use crate::wire::MAX_RECONCILE_FRAME_BYTES;

/// Known documents, sorted by (endorsement date, content id).
#[derive(Debug, Clone)]
pub(super) struct Snapshot(Arc<[Item]>);

/// The running snapshot, made anew only when the catalogue has changed.
#[derive(Debug, Default)]
pub(super) struct Latest(Option<(u64, Snapshot)>);

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

    /// Answers one frame of a peer's reconciliation.
    pub(super) fn respond(&self, frame: &[u8]) -> Result<Vec<u8>, Error> {
        Negentropy::borrowed(self, MAX_RECONCILE_FRAME_BYTES as u64)?.reconcile(frame)
    }
}

/// Our side of a reconciliation that we began.
#[derive(Debug)]
pub(super) struct Reconciliation(Negentropy<'static, Snapshot>);

impl Reconciliation {
    /// Begins, and gives the first frame.
    pub(super) fn begin(snapshot: Snapshot) -> Result<(Reconciliation, Vec<u8>), Error> {
        let mut negentropy = Negentropy::owned(snapshot, MAX_RECONCILE_FRAME_BYTES as u64)?;
        let frame = negentropy.initiate()?;
        Ok((Reconciliation(negentropy), frame))
    }

    /// Takes the peer's frame: ids the peer has and we do not, and the next
    /// frame unless the sets are reconciled.
    pub(super) fn proceed(
        &mut self,
        frame: &[u8],
    ) -> Result<(Vec<ContentId>, Option<Vec<u8>>), Error> {
        let (mut have, mut need) = (Vec::new(), Vec::new());
        let next = self.0.reconcile_with_ids(frame, &mut have, &mut need)?;
        let need = need.iter().map(|id| ContentId::from_bytes(*id.as_bytes())).collect();
        Ok((need, next))
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
