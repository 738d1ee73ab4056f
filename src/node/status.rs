//! How the node is: what the run loop knows, and what only a look at the disk tells.

use std::path::Path;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;

use super::answer::{Answer, DiskView, StatusView};
use super::catalogue::Catalogue;
use super::run::RunLoop;
use super::{Call, Node};
use crate::home::Home;
use crate::model::Timestamp;
use crate::policy::Outcome;

impl Node {
    /// True when the run loop answers within a time: it carries everything.
    pub async fn responds(&self, within: Duration) -> bool {
        let answer = tokio::time::timeout(within, self.call(Call::Ping)).await;
        matches!(answer, Ok(Answer::Done))
    }
}

impl RunLoop {
    /// Answers with how the node is. The disk is looked at on a thread: a slow one must
    /// not hold up the run loop.
    pub(super) fn status(&self, now: Timestamp, reply: oneshot::Sender<Answer>) {
        let live = &self.jobs.catalogue.live;
        let view = StatusView {
            name: String::new(),
            peer: self.own,
            federation: self.federation.name.clone(),
            federation_id: self.federation.id,
            membership: self.membership(now),
            started: self.started,
            listening: self.listening.clone(),
            http: live.http(),
            https: live.https(),
            documents: self.engine.stats(),
            counts: live.counts(),
            blobs: 0,
            scrub: Default::default(),
            damaged: 0,
            disk: DiskView::default(),
            sent: live.sent(),
            mirror: live.mirror(),
            connected: self.engine.connected_peers().collect(),
            reconciled: self.engine.reconciled().collect(),
            alerts: self.alerts.iter().cloned().collect(),
            unready: Vec::new(),
            policy: self.jobs.catalogue.policy_view(),
            anchors: Vec::new(),
        };
        let home = self.home.clone();
        self.jobs.blocking(move |catalogue| {
            // The caller may have gone.
            let _ = reply.send(Answer::Status(Box::new(completed(view, catalogue, &home))));
            None
        });
    }
}

/// With what takes a look at the disk.
fn completed(view: StatusView, catalogue: &Catalogue, home: &Home) -> StatusView {
    let blobs = catalogue.blobs();
    StatusView {
        name: home.settings().unwrap_or_default().name,
        blobs: blobs.list().map_or(0, |blobs| blobs.len()),
        scrub: blobs.scrub_state(),
        damaged: blobs.damaged().map_or(0, |damaged| damaged.len()),
        disk: DiskView {
            blobs: blobs.usage().map_or(0, |usage| usage.total()),
            quota: blobs.quota(),
            store: catalogue.store().size_on_disk(),
            free: free_bytes(home.root()),
        },
        unready: catalogue.unready(home, Timestamp::from(SystemTime::now())),
        anchors: catalogue.trusted().anchors.subjects().map(str::to_owned).collect(),
        ..view
    }
}

/// Bytes that are free where a folder is; none when the system does not say.
fn free_bytes(folder: &Path) -> Option<u64> {
    let system = rustix::fs::statvfs(folder).ok()?;
    Some(system.f_bavail.saturating_mul(system.f_frsize))
}

impl Catalogue {
    /// Why images should not be asked for here now, one line for each reason, without
    /// paths or names: strangers may read it.
    fn unready(&self, home: &Home, now: Timestamp) -> Vec<String> {
        let mut reasons = Vec::new();
        let policy = self.trusted().policy;
        if policy.broken().is_some() {
            reasons.push("the policy cannot be read: everything is refused".to_owned());
        }
        let folders = [home.store_path(), home.blobs_path()];
        let is_writable =
            |folder: &Path| rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok();
        if self.live.store_failed() || !folders.iter().all(|folder| is_writable(folder)) {
            reasons.push("the store cannot be written: the log says why".to_owned());
        }
        let (reconciled, peers) = self.reconciled(now);
        let steps = policy.freshness(reconciled, peers).into_iter();
        let stale = steps.filter(|step| step.outcome == Outcome::Refused);
        reasons.extend(stale.map(|step| format!("{}: {}", step.rule, step.reason)));
        reasons
    }
}
