//! The metrics of a real server are those of `docs/metrics.md`, and `promtool` finds nothing wrong with them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use crate::harness::{Client, Node, Page, Place, installed, shell};

/// A metric, as a page shows it or the documentation describes it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Described {
    pub(super) kind: String,
    help: String,
    pub(super) labels: BTreeSet<String>,
}

/// Those of the documentation, by name.
pub(super) fn documented() -> BTreeMap<String, Described> {
    let plain = |cell: &str| cell.trim().trim_matches('`').to_owned();
    let mut metrics = BTreeMap::new();
    for row in Page::read("docs/metrics.md").rows() {
        let [name, kind, _, labels, help] = row.as_slice() else { continue };
        if !name.starts_with('`') {
            continue;
        }
        let labels = labels.split(", ").map(plain).filter(|label| !label.is_empty()).collect();
        metrics.insert(plain(name), Described { kind: kind.clone(), help: help.clone(), labels });
    }
    metrics
}

/// Those of a page, by name.
fn shown(page: &str) -> BTreeMap<String, Described> {
    let mut metrics: BTreeMap<String, Described> = BTreeMap::new();
    for line in page.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|line| line.split_once(' ')) {
            help.clone_into(&mut metrics.entry(name.to_owned()).or_default().help);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' ')) {
            kind.clone_into(&mut metrics.entry(name.to_owned()).or_default().kind);
        } else if let Some((series, _)) = line.rsplit_once(' ') {
            let (name, labels) = series.trim_end_matches('}').split_once('{').unwrap_or((series, ""));
            let family = ["_bucket", "_sum", "_count"].into_iter().find_map(|suffix| name.strip_suffix(suffix));
            let name = family.filter(|family| metrics.contains_key(*family)).unwrap_or(name);
            let names = labels.split("\",").filter_map(|label| Some(label.split_once('=')?.0.to_owned()));
            metrics.entry(name.to_owned()).or_default().labels.extend(names.filter(|label| label != "le"));
        }
    }
    metrics
}

/// Sends the requests that make most metrics appear.
async fn visit(node: &Node) {
    let demo = node.demo();
    let partner = node.client(&demo.partner.app_secret);
    let key = partner.create(&demo.merchant, "Till", &[]).await;
    partner.verdict(&key.value).await;
    partner.revoke(&key.id).await.expect(204);
    node.client(&key.value).get("/v1/auth").await.expect(401);
    partner.post("/v1/api-keys", &Client::new_key("no-such-mid", "x", &[])).await.expect(404);
}

/// `promtool` of Debian, whose package includes a server that is not started.
pub(super) fn promtool() -> PathBuf {
    installed("promtool", "prometheus")
}

pub(super) async fn the_metrics_are_those_of_the_documentation(place: Place) {
    let node = place.sandbox().words("--metrics-listen 127.0.0.1:0").serve();
    visit(&node).await;
    let page = node.metrics().get("/metrics").await.expect(200).text;
    node.stop();
    let (documented, mut shown) = (documented(), shown(&page));
    let renamed: BTreeSet<String> = Page::read("docs/metrics.md").section("## Former names").codes_in_first_column();
    for name in &renamed {
        let former = shown.remove(name).unwrap_or_else(|| panic!("the former name {name} is missing"));
        assert!(former.help.starts_with("Deprecated"), "{former:?}");
    }
    for (name, metric) in &shown {
        assert_eq!(Some(metric), documented.get(name), "{name} of the page is not that of docs/metrics.md");
    }
    // Metrics that appear only after a refusal, with TLS, or after the first turn of a job.
    let missing: Vec<_> = documented.keys().filter(|name| !shown.contains_key(*name)).collect();
    let may_be_missing = [
        "keyward_connections_refused_total",
        "keyward_tls_certificate_expiry_timestamp_seconds",
        "keyward_job_last_success_timestamp_seconds",
        "keyward_job_rows_total",
        "keyward_job_seconds",
    ];
    assert!(missing.iter().all(|name| may_be_missing.contains(&name.as_str())), "{missing:?} never appear");
}

pub(super) async fn promtool_finds_nothing_wrong(place: Place) {
    let node = place.sandbox().words("--metrics-listen 127.0.0.1:0").serve();
    visit(&node).await;
    let page = node.metrics().get("/metrics").await.expect(200).text;
    node.stop();
    let check = |page: &str| {
        fs::write(place.folder().join("page"), page).unwrap();
        shell(&format!("{} check metrics < page", promtool().display()), place.folder())
    };
    let output = check(&page).success().output();
    assert_eq!(output.trim(), "", "{page}");
    // The check can fail: it prints a warning here.
    assert!(!check("# TYPE lost_lines counter\nlost_lines 1\n").output().trim().is_empty());
}
