//! Numbers of the node, its catalogue and its images.

use std::time::SystemTime;

use prometheus::proto::MetricFamily;

use super::family::{counter, counters, gauge, gauges};
use crate::model::Timestamp;
use crate::node::StatusView;

/// Everything that a status tells, as lines for Prometheus' text-file collector.
pub fn lines(status: &StatusView) -> String {
    super::text(&families(status)).unwrap_or_default()
}

/// Everything that a status tells.
pub(super) fn families(status: &StatusView) -> Vec<MetricFamily> {
    [node(status), catalogue(status), network(status), blobs(status), mirror(status)].concat()
}

fn count(number: usize) -> f64 {
    number as f64
}

fn is(fact: bool) -> f64 {
    f64::from(u8::from(fact))
}

fn node(status: &StatusView) -> Vec<MetricFamily> {
    let version = [(Some(("version", env!("CARGO_PKG_VERSION"))), 1.0)];
    let mut families = vec![
        gauges("suq_build_info", "Always 1: the version that runs.", version),
        gauge("suq_start_time_seconds", "When the node started.", status.started.seconds() as f64),
        gauge(
            "suq_ready",
            "0 when images should not be asked for here now: /readyz says why.",
            is(status.unready.is_empty()),
        ),
        gauge(
            "suq_policy_broken",
            "1 when the policy cannot be read and everything is refused.",
            is(status.policy.broken.is_some()),
        ),
        gauge(
            "suq_policy_warnings",
            "Items of the policy that can never match, and trust anchors that cannot be read.",
            count(status.policy.warnings.len()),
        ),
        gauge("suq_trust_anchors", "Authorities that are trusted.", count(status.anchors.len())),
        gauge(
            "suq_alerts",
            "Alerts that the node remembers, of the latest fifty.",
            count(status.alerts.len()),
        ),
    ];
    if let Some(bytes) = status.disk.store {
        families.push(gauge("suq_store_bytes", "Bytes of the store on the disk.", bytes as f64));
    }
    if let Some(bytes) = status.disk.free {
        let help = "Bytes that are free where the home is.";
        families.push(gauge("suq_disk_free_bytes", help, bytes as f64));
    }
    families
}

fn catalogue(status: &StatusView) -> Vec<MetricFamily> {
    let documents = &status.documents;
    let standings = [
        ("admitted", documents.admitted),
        ("withdrawn", documents.withdrawn),
        ("refused", documents.refused),
        ("untrusted", documents.untrusted),
    ];
    let standing = |(name, number)| (Some(("standing", name)), count(number));
    let latest = status.reconciled.iter().map(|(_, time)| *time).max();
    let now = Timestamp::from(SystemTime::now());
    let age = now.since(latest.unwrap_or(status.started));
    let mut families = vec![
        gauges(
            "suq_documents",
            "Documents known, by what became of them.",
            standings.map(standing),
        ),
        counter(
            "suq_documents_unverified_total",
            "Documents since the start that were not what they said.",
            documents.unverified,
        ),
        gauge("suq_documents_verifying", "Documents on their way.", count(documents.verifying)),
        gauge(
            "suq_documents_rejudging",
            "Entries still to be judged by new rules.",
            count(documents.rejudging),
        ),
        gauge(
            "suq_reconciled_peers",
            "Peers with whom the catalogue was reconciled completely since the start.",
            count(status.reconciled.len()),
        ),
        gauge(
            "suq_reconciled_age_seconds",
            "Time since the catalogue was last reconciled completely, or since the start.",
            age.as_secs_f64(),
        ),
    ];
    if let Some(latest) = latest {
        families.push(gauge(
            "suq_reconciled_timestamp_seconds",
            "When the catalogue was last reconciled completely.",
            latest.seconds() as f64,
        ));
    }
    families
}

fn network(status: &StatusView) -> Vec<MetricFamily> {
    let (gossip, membership) = (status.counts.gossip, &status.membership);
    let verdicts =
        [("accepted", gossip.accepted), ("ignored", gossip.ignored), ("rejected", gossip.rejected)];
    let verdict = |(name, number)| (Some(("verdict", name)), number);
    let mut families = vec![
        gauge("suq_peers_connected", "Peers with a connection.", count(status.connected.len())),
        counters(
            "suq_gossip_messages_total",
            "Messages of peers, by whether they were passed on.",
            verdicts.map(verdict),
        ),
    ];
    if membership.closed {
        families.push(gauge(
            "suq_membership_member",
            "0 when this node is no member of its closed federation: peers let it out.",
            is(membership.member),
        ));
    }
    if let Some(expires) = membership.expires {
        families.push(gauge(
            "suq_membership_expires_timestamp_seconds",
            "When this node's membership of a closed federation ends.",
            expires.seconds() as f64,
        ));
    }
    families
}

/// Those of stored images, and of those on their way.
fn blobs(status: &StatusView) -> Vec<MetricFamily> {
    let transfers = status.counts.transfers;
    let outcomes = [
        ("finished", transfers.finished),
        ("starved", transfers.starved),
        ("failed", transfers.failed),
    ];
    let outcome = |(name, number)| (Some(("outcome", name)), number);
    let mut families = vec![
        gauge("suq_blobs", "Images in the store.", count(status.blobs)),
        gauge(
            "suq_blobs_bytes",
            "Bytes on the disk of images, also of those on their way.",
            status.disk.blobs as f64,
        ),
        counter(
            "suq_blobs_sent_bytes_total",
            "Bytes of images that were sent to peers since the start.",
            status.sent,
        ),
        gauge("suq_transfers_running", "Images being fetched.", transfers.running as f64),
        counters(
            "suq_transfers_total",
            "Fetches of images that ended: with the image in the store, because nobody could \
             send it, or because this node could not take it.",
            outcomes.map(outcome),
        ),
        counter(
            "suq_blobs_reread_total",
            "Stored images that the scrub has read again.",
            status.scrub.read,
        ),
        counter(
            "suq_blobs_damaged_total",
            "Stored images that the scrub found damaged.",
            status.scrub.damaged,
        ),
        counter(
            "suq_blobs_repaired_total",
            "Damaged images that were fetched again.",
            status.scrub.repaired,
        ),
        gauge(
            "suq_blobs_damaged",
            "Images that are damaged and not fetched again.",
            count(status.damaged),
        ),
    ];
    if let Some(quota) = status.disk.quota {
        let help = "Bytes on the disk that images may take.";
        families.push(gauge("suq_blobs_quota_bytes", help, quota as f64));
    }
    if let Some(ended) = status.scrub.ended {
        families.push(gauge(
            "suq_scrub_ended_timestamp_seconds",
            "When the last round of reading all images again was over.",
            ended.seconds() as f64,
        ));
    }
    families
}

/// Those of the mirror rules.
fn mirror(status: &StatusView) -> Vec<MetricFamily> {
    let mirror = &status.mirror;
    if !mirror.active {
        return Vec::new();
    }
    vec![
        counter(
            "suq_mirror_fetched_total",
            "Images since the start that the mirror rules fetched.",
            mirror.fetched,
        ),
        gauge(
            "suq_mirror_waiting",
            "Images that the mirror rules want and that are not here.",
            count(mirror.waiting),
        ),
        gauge(
            "suq_mirror_failing",
            "Of these, images that could not be fetched yet.",
            count(mirror.failing),
        ),
    ]
}
