//! Numbers of the HTTP interface and of the process. Labels have few values, whatever
//! clients send: never a path, a name or an address.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use prometheus::proto::MetricFamily;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

/// The first part of a path is the kind of request where it is one of these, or else it is
/// `other`.
const ROUTES: [&str; 11] = [
    "api",
    "blobs",
    "endorsers",
    "healthz",
    "metadata",
    "metrics",
    "page",
    "query",
    "readyz",
    "tag",
    "upload",
];

/// Upper bounds of the histogram, in seconds: a document takes a millisecond, a list of
/// everything some seconds, and a slow upload half a minute.
const SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0];

/// Why a connection was refused, or ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Failure {
    /// Its client has all the connections that one may have.
    Crowded,
    /// No keys were agreed on.
    Handshake,
    /// What it sent is no HTTP, or too long.
    Unreadable,
    /// It sent no request in time.
    Late,
    /// Its client took too little of an answer.
    Slow,
    /// It broke, or the answer did.
    Broken,
}

impl Failure {
    const ALL: [Failure; 6] = [
        Failure::Crowded,
        Failure::Handshake,
        Failure::Unreadable,
        Failure::Late,
        Failure::Slow,
        Failure::Broken,
    ];

    pub(in crate::http) fn name(self) -> &'static str {
        match self {
            Failure::Crowded => "crowded",
            Failure::Handshake => "handshake",
            Failure::Unreadable => "unreadable",
            Failure::Late => "late",
            Failure::Slow => "slow",
            Failure::Broken => "broken",
        }
    }
}

/// What is counted; clones share it.
#[derive(Debug, Clone)]
pub(in crate::http) struct Traffic {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    sent: IntCounter,
    open: IntGauge,
    accepted: IntCounter,
    failures: IntCounterVec,
}

/// An open connection.
#[derive(Debug)]
pub(in crate::http) struct Open(IntGauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Traffic {
    pub(in crate::http) fn new() -> Traffic {
        // Invariant: the names are right, and each is there once. A test makes one.
        #[expect(clippy::expect_used)]
        Traffic::try_new().expect("metrics")
    }

    fn try_new() -> Result<Traffic, prometheus::Error> {
        let registry = Registry::new();
        let requests = Opts::new(
            "suq_http_requests_total",
            "Requests, by the first part of their path, method and class of answer.",
        );
        let durations = HistogramOpts::new(
            "suq_http_request_duration_seconds",
            "Time from the head of a request to the head of its answer.",
        );
        let failures = Opts::new(
            "suq_http_connections_failed_total",
            "Connections that were refused or ended before their time, by reason.",
        );
        let traffic = Traffic {
            requests: IntCounterVec::new(requests, &["route", "method", "status"])?,
            durations: HistogramVec::new(durations.buckets(SECONDS.into()), &["route"])?,
            sent: IntCounter::new("suq_http_sent_bytes_total", "Bytes of bodies that were sent.")?,
            open: IntGauge::new("suq_http_connections", "Open connections.")?,
            accepted: IntCounter::new("suq_http_connections_total", "Connections that came.")?,
            failures: IntCounterVec::new(failures, &["reason"])?,
            registry,
        };
        for failure in Failure::ALL {
            traffic.failures.with_label_values(&[failure.name()]);
        }
        let registry = &traffic.registry;
        registry.register(Box::new(traffic.requests.clone()))?;
        registry.register(Box::new(traffic.durations.clone()))?;
        registry.register(Box::new(traffic.sent.clone()))?;
        registry.register(Box::new(traffic.open.clone()))?;
        registry.register(Box::new(traffic.accepted.clone()))?;
        registry.register(Box::new(traffic.failures.clone()))?;
        let process = prometheus::process_collector::ProcessCollector::for_self();
        registry.register(Box::new(process))?;
        Ok(traffic)
    }

    /// A request has its answer, whose body is still to come.
    pub(in crate::http) fn answered(
        &self,
        path: &str,
        method: &Method,
        status: StatusCode,
        took: Duration,
    ) {
        let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let route = ROUTES.into_iter().find(|route| *route == first).unwrap_or("other");
        let class = match status.as_u16() / 100 {
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        };
        self.requests.with_label_values(&[route, name(method), class]).inc();
        self.durations.with_label_values(&[route]).observe(took.as_secs_f64());
    }

    /// So many bytes of a body went out.
    pub(in crate::http) fn sent(&self, bytes: u64) {
        self.sent.inc_by(bytes);
    }

    /// A connection came.
    pub(in crate::http) fn open(&self) -> Open {
        self.accepted.inc();
        self.open.inc();
        Open(self.open.clone())
    }

    /// A connection was refused, or ended before its time.
    pub(in crate::http) fn failed(&self, failure: Failure) {
        self.failures.with_label_values(&[failure.name()]).inc();
    }

    pub(super) fn families(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }
}

/// A client may make up methods.
fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_have_few_values_whatever_is_asked_for() {
        let traffic = Traffic::new();
        for n in 0..1000 {
            let path = format!("/{n}/blobs");
            let method = Method::from_bytes(format!("M{n}").as_bytes()).unwrap();
            let status = StatusCode::from_u16(200 + n % 400).unwrap();
            traffic.answered(&path, &method, status, Duration::ZERO);
            traffic.answered("/blobs/x", &Method::GET, status, Duration::ZERO);
        }
        let families = traffic.families();
        let requests = families.iter().find(|family| family.name() == "suq_http_requests_total");
        assert_eq!(requests.unwrap().get_metric().len(), 2 * 4);
    }
}
