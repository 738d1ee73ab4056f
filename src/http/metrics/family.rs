//! Metrics with values that are known.

use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

/// A number that goes up and down.
pub(super) fn gauge(name: &str, help: &str, value: impl Into<f64>) -> MetricFamily {
    gauges(name, help, [(None, value.into())])
}

/// Numbers that go up and down, each with a label.
pub(super) fn gauges<'l>(
    name: &str,
    help: &str,
    values: impl IntoIterator<Item = (Option<(&'l str, &'l str)>, f64)>,
) -> MetricFamily {
    let metric = |(label, value)| {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        let mut metric = labelled(label);
        metric.set_gauge(gauge);
        metric
    };
    family(name, help, MetricType::GAUGE, values.into_iter().map(metric).collect())
}

/// A number that only grows.
pub(super) fn counter(name: &str, help: &str, value: u64) -> MetricFamily {
    counters(name, help, [(None, value)])
}

/// Numbers that only grow, each with a label.
pub(super) fn counters<'l>(
    name: &str,
    help: &str,
    values: impl IntoIterator<Item = (Option<(&'l str, &'l str)>, u64)>,
) -> MetricFamily {
    let metric = |(label, value): (_, u64)| {
        let mut counter = Counter::default();
        counter.set_value(value as f64);
        let mut metric = labelled(label);
        metric.set_counter(counter);
        metric
    };
    family(name, help, MetricType::COUNTER, values.into_iter().map(metric).collect())
}

fn labelled(label: Option<(&str, &str)>) -> Metric {
    let pair = |(name, value): (&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    };
    Metric::from_label(label.into_iter().map(pair).collect())
}

fn family(name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}
