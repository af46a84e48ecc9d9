//! `examples/observability`: the alert rules and the dashboard use only existing metrics, and `promtool` can read and
//! run them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::PathBuf,
};

use serde_json::Value;

use super::documented::{Described, documented, promtool};
use crate::harness::{Page, shell};

/// Labels that Prometheus itself adds.
const ITS_OWN: [&str; 3] = ["job", "instance", "le"];

fn folder() -> PathBuf {
    keyward_testkit::run::workspace_root().join("examples/observability")
}

fn read(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}

/// The quoted texts after this key of a YAML file, each on a line of its own.
fn quoted<'a>(yaml: &'a str, key: &str) -> Vec<&'a str> {
    let start = format!("{key}: '");
    yaml.lines().filter_map(|line| line.split_once(&start)?.1.split('\'').next()).collect()
}

/// The queries of the dashboard.
fn queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&read("dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

/// Returns what is wrong with an expression: a metric or a label that does not exist.
fn judge(expression: &str, metrics: &BTreeMap<String, Described>) -> Result<(), String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (mut known, mut asked) = (BTreeSet::from(ITS_OWN), Vec::new());
    let mut rest = expression;
    while let Some(start) = rest.find(is_part) {
        let end = rest[start..].find(|c| !is_part(c)).map_or(rest.len(), |length| start + length);
        let name = &rest[start..end];
        rest = &rest[end..];
        if name.starts_with("keyward_") || name.starts_with("process_") {
            let of_histogram =
                |suffix| name.strip_suffix(suffix).filter(|it| metrics.get(*it).is_some_and(is_histogram));
            let family = ["_bucket", "_sum", "_count"].into_iter().find_map(of_histogram).unwrap_or(name);
            let metric = metrics.get(family).ok_or(format!("no metric is named {name}"))?;
            known.extend(metric.labels.iter().map(String::as_str));
            let selector = rest.strip_prefix('{').and_then(|rest| rest.split('}').next()).unwrap_or_default();
            let is_known = |label: &str| metric.labels.contains(label) || ITS_OWN.contains(&label);
            for label in selector.split(',').filter_map(|it| it.split(['=', '!']).next()).filter(|it| !it.is_empty()) {
                is_known(label).then_some(()).ok_or(format!("{name} has no label {label}"))?;
            }
        } else if name == "by" {
            let labels = rest.trim_start().strip_prefix('(').and_then(|rest| rest.split(')').next());
            asked.extend(labels.unwrap_or_default().split(',').map(str::trim));
        }
    }
    let unknown = asked.into_iter().find(|label| !known.contains(label));
    unknown.map_or(Ok(()), |label| Err(format!("no metric there has the label {label}")))
}

fn is_histogram(metric: &Described) -> bool {
    metric.kind == "histogram"
}

#[test]
fn rules_and_dashboard_use_only_existing_metrics() {
    let (metrics, rules, tests) = (documented(), read("alerts.yaml"), read("alerts.test.yaml"));
    let (queries, expressions, series) = (queries(), quoted(&rules, "expr"), quoted(&tests, "series"));
    assert!(queries.len() > 20 && expressions.len() > 10 && series.len() > 10, "too few are found");
    for expression in queries.iter().map(String::as_str).chain(expressions).chain(series) {
        judge(expression, &metrics).unwrap_or_else(|wrong| panic!("{wrong}: {expression}"));
    }
    for wrong in [
        "keyward_http_request_total",
        "rate(keyward_http_requests_total{code=\"500\"}[5m])",
        "sum by (mid) (keyward_http_requests_total)",
        "keyward_cache_keys_bucket",
    ] {
        judge(wrong, &metrics).unwrap_err();
    }
}

#[test]
fn the_page_lists_every_alert() {
    let rules = read("alerts.yaml");
    let alerts: BTreeSet<String> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).map(str::to_owned).collect();
    assert_eq!(Page::read("examples/observability/README.md").section("## Alerts").codes_in_first_column(), alerts);
}

#[test]
fn promtool_accepts_the_rules_and_their_tests_pass() {
    let promtool = promtool();
    let promtool = promtool.display();
    shell(&format!("{promtool} check rules alerts.yaml && {promtool} test rules alerts.test.yaml"), &folder())
        .success();
}

#[test]
fn promtool_accepts_the_queries_of_the_dashboard() {
    let place = tempfile::tempdir().unwrap();
    let mut rules = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    for (n, query) in queries().iter().enumerate() {
        let query = query.replace("$__rate_interval", "5m").replace('\'', "''");
        let _ = write!(rules, "      - record: panel:{n}\n        expr: '{query}'\n");
    }
    fs::write(place.path().join("rules.yaml"), rules).unwrap();
    shell(&format!("{} check rules rules.yaml", promtool().display()), place.path()).success();
}
