//! The node's numbers as Prometheus reads them, for its text-file collector.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use crate::model::Timestamp;
use crate::node::StatusView;

/// One metric: its name, its type, what it means, and its values by label.
struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    values: Vec<(String, i64)>,
}

fn gauge(name: &'static str, help: &'static str, value: i64) -> Metric {
    Metric { name, kind: "gauge", help, values: vec![(String::new(), value)] }
}

fn counter(name: &'static str, help: &'static str, value: u64) -> Metric {
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    Metric { name, kind: "counter", help, values: vec![(String::new(), value)] }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The lines of all metrics.
pub(super) fn lines(status: &StatusView) -> Vec<String> {
    let documents = &status.documents;
    let standings = [
        ("admitted", documents.admitted),
        ("withdrawn", documents.withdrawn),
        ("refused", documents.refused),
        ("untrusted", documents.untrusted),
    ];
    let standing =
        |(name, number): (&str, usize)| (format!("{{standing=\"{name}\"}}"), count(number));
    let mut metrics = vec![
        Metric {
            name: "suq_documents",
            kind: "gauge",
            help: "Documents known, by what became of them.",
            values: standings.map(standing).into(),
        },
        counter(
            "suq_documents_unverified_total",
            "Documents since the start that were not what they said.",
            documents.unverified,
        ),
        gauge("suq_documents_verifying", "Documents on their way.", count(documents.verifying)),
        gauge("suq_peers_connected", "Peers with a connection.", count(status.connected.len())),
        gauge(
            "suq_reconciled_peers",
            "Peers with whom the catalogue was reconciled completely since the start.",
            count(status.reconciled.len()),
        ),
        gauge(
            "suq_alerts",
            "Alerts that the node remembers, of the latest fifty.",
            count(status.alerts.len()),
        ),
        gauge(
            "suq_policy_readable",
            "0 when the policy cannot be read and everything is refused.",
            i64::from(status.policy.broken.is_none()),
        ),
    ];
    if let Some(latest) = status.reconciled.iter().map(|(_, time)| *time).max() {
        metrics.push(gauge(
            "suq_reconciled_timestamp_seconds",
            "When the catalogue was last reconciled completely.",
            latest.seconds(),
        ));
    }
    if let Some(expires) = status.membership.expires.map(Timestamp::seconds) {
        metrics.push(gauge(
            "suq_membership_expires_timestamp_seconds",
            "When this node's membership of a closed federation ends.",
            expires,
        ));
    }
    metrics.extend(images(status));
    metrics.extend(mirror(status));
    metrics.iter().flat_map(Metric::lines).collect()
}

/// Those of stored images.
fn images(status: &StatusView) -> Vec<Metric> {
    let mut metrics = vec![
        gauge("suq_blobs", "Images in the store.", count(status.blobs)),
        counter(
            "suq_blobs_sent_bytes_total",
            "Bytes of images that were sent to peers since the start.",
            status.sent,
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
    if let Some(ended) = status.scrub.ended {
        metrics.push(gauge(
            "suq_scrub_ended_timestamp_seconds",
            "When the last round of reading all images again was over.",
            ended.seconds(),
        ));
    }
    metrics
}

/// Those of the mirror rules.
fn mirror(status: &StatusView) -> Vec<Metric> {
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

impl Metric {
    fn lines(&self) -> Vec<String> {
        let Metric { name, kind, help, values } = self;
        let mut lines = vec![format!("# HELP {name} {help}"), format!("# TYPE {name} {kind}")];
        lines.extend(values.iter().map(|(labels, value)| format!("{name}{labels} {value}")));
        lines
    }
}
