//! Alert rules and the dashboard, by Prometheus' own tool and by what a node really tells.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::{get, metrics, source, tool};

#[test]
fn the_alert_rules_hold() {
    let rules = source("config/prometheus-alerts.yml").display().to_string();
    let (is_content, said) = tool("promtool", &["check", "rules", &rules], b"");
    assert!(is_content && said.contains("16 rules found"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let tests = folder.path().join("alerts.test.yml");
    let text = fs::read_to_string(source("tests/operations/alerts.test.yml")).unwrap();
    fs::write(&tests, text.replace("RULES", &rules)).unwrap();
    let (is_content, said) = tool("promtool", &["test", "rules", tests.to_str().unwrap()], b"");
    assert!(is_content, "{said}");
}

/// Names in an expression that only a metric can have.
fn metric_names(expression: &str) -> BTreeSet<String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = expression.split(|letter| !is_part(letter));
    let ours = |word: &&str| word.starts_with("suq_") || word.starts_with("process_");
    words.filter(ours).map(str::to_owned).collect()
}

fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "expr" || name == "query" => {
                        found.push(text.clone());
                    }
                    _ => expressions(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| expressions(value, found)),
        _ => {}
    }
}

#[test]
fn the_dashboard_and_the_rules_name_only_what_a_node_tells() {
    let folder = tempfile::tempdir().unwrap();
    let (_founder, site) = metrics::full(folder.path());
    let address = site.http();
    assert_eq!(get(&address, "/healthz").status, 200);
    let told = get(&address, "/metrics").text();
    let mut names = BTreeSet::new();
    for line in told.lines().filter(|line| !line.starts_with('#')) {
        names.insert(line.split(['{', ' ']).next().unwrap().to_owned());
    }
    let dashboard = fs::read_to_string(source("config/grafana-dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let mut asked = Vec::new();
    expressions(&dashboard, &mut asked);
    assert!(asked.len() > 30, "{asked:?}");
    let rules = fs::read_to_string(source("config/prometheus-alerts.yml")).unwrap();
    let rules = rules.lines().filter(|line| !line.trim_start().starts_with('#'));
    asked.extend(rules.map(str::to_owned));
    let unknown: BTreeSet<String> = asked
        .iter()
        .flat_map(|text| metric_names(text))
        .filter(|name| !names.contains(name))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?} of {names:?}");

    // Grafana draws what has a place, a kind and a source; ids are there once.
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        assert!(panel["gridPos"]["w"].as_u64().unwrap() > 0, "{panel}");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{panel}");
        assert!(!panel["targets"].as_array().unwrap().is_empty(), "{panel}");
    }
}
