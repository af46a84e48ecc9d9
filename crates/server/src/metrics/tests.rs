//! The table holds exactly what the code records, and the documentation is up to date.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use keyward_testkit::run::{variable, workspace_root};

use super::{
    table::{self, Kind, Metric, TABLE},
    *,
};
use crate::clock::SystemClock;

/// Path of the page, and the variable that rewrites it.
const PAGE: &str = "docs/metrics.md";
const WRITE: &str = "KEYWARD_WRITE_DOCS";

const OPENING: &str = "\
# Metrics

For operators of Keyward. `metrics_listen` (`--metrics-listen 127.0.0.1:9090`) sets the address of `GET /metrics`
in Prometheus' text format; it is not for the public. No label holds anything that a caller chose: no mid, no key, no
path. [examples/observability](../examples/observability/README.md) has alert rules and a dashboard of them.

A test writes this page from the names in the code: `KEYWARD_WRITE_DOCS=1 cargo test -p keyward-server metrics`.
";

/// The page of the documentation.
fn documented() -> String {
    let mut page = OPENING.to_owned();
    for (heading, metrics) in TABLE {
        let _ = write!(page, "\n## {heading}\n\n| name | kind | unit | labels | meaning |\n|---|---|---|---|---|\n");
        for metric in *metrics {
            let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
            let unit = metric.unit().as_str().replace("count", "");
            let (name, kind, help) = (metric.name, kind(metric), metric.help);
            let _ = writeln!(page, "| `{name}` | {kind} | {unit} | {} | {help} |", labels.join(", "));
        }
    }
    page.push_str("\n## Former names\n\nThe page repeats these for one version.\n\n| name | now |\n|---|---|\n");
    for metric in table::all() {
        if let Some(former) = metric.former {
            let _ = writeln!(page, "| `{former}` | `{}` |", metric.name);
        }
    }
    page
}

fn kind(metric: &Metric) -> &'static str {
    match metric.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    }
}

#[test]
fn the_documentation_lists_every_metric() {
    let path = workspace_root().join(PAGE);
    let page = documented();
    if variable(WRITE).is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "{PAGE} is out of date: run this test with {WRITE}=1");
}

/// The source files of our crates, without tests.
fn sources() -> Vec<PathBuf> {
    let mut folders = vec![workspace_root().join("crates")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let is_test = entry.file_stem().is_some_and(|name| name == "tests");
            if entry.is_dir() && !is_test {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") && !is_test {
                files.push(entry);
            }
        }
    }
    files
}

/// Kind, name and labels of every recording in a file.
fn recorded(file: &Path) -> Vec<(&'static str, String, BTreeSet<String>)> {
    let text = fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut found = Vec::new();
    for kind in ["counter", "gauge", "histogram"] {
        for (at, call) in text.match_indices(&format!("{kind}!(")) {
            let is_description = text[..at].ends_with("describe_");
            let arguments = text[at + call.len()..].split(')').next().unwrap_or_default();
            let mut words = arguments.trim_start().strip_prefix('"').unwrap_or_default().split('"');
            let name = words.next().unwrap_or_default();
            if is_description || name.is_empty() {
                continue;
            }
            // Every second word is quoted; an arrow follows a label.
            let words: Vec<&str> = words.collect();
            let labels = words.windows(2).filter(|pair| pair[1].trim_start().starts_with("=>"));
            found.push((kind, name.to_owned(), labels.map(|pair| pair[0].to_owned()).collect()));
        }
    }
    found
}

#[test]
fn the_table_holds_exactly_what_the_code_records() {
    let found: Vec<_> = sources().iter().flat_map(|file| recorded(file)).collect();
    assert!(found.len() > 20, "only {} places are found", found.len());
    for (found_kind, name, labels) in &found {
        let metric = table::all().find(|metric| metric.name == name);
        let metric = metric.unwrap_or_else(|| panic!("{name} is not in the table: add what it means"));
        assert_eq!(kind(metric), *found_kind, "{name}");
        let known: BTreeSet<String> = metric.labels.iter().map(|&label| label.to_owned()).collect();
        // If labels are built elsewhere, the name has none here: the page of a real server shows them.
        assert!(labels.is_empty() || *labels == known, "{name} by {labels:?}, the table says {known:?}");
    }
    // A separate library records the metrics of the process.
    for metric in table::all().filter(|metric| !metric.name.starts_with("process_")) {
        assert!(found.iter().any(|(_, name, _)| name == metric.name), "nothing counts {}", metric.name);
    }
}

#[test]
fn names_are_unique_and_end_with_their_unit() {
    let names = || table::all().flat_map(|metric| [Some(metric.name), metric.former]).flatten();
    assert_eq!(names().collect::<BTreeSet<_>>().len(), names().count());
    for metric in table::all() {
        assert_eq!(metric.name.ends_with("_total"), metric.kind == Kind::Counter, "{}", metric.name);
        assert!(metric.help.ends_with('.') && !metric.help.contains('|'), "{}", metric.help);
    }
}

#[test]
fn the_page_shows_version_uptime_and_buckets() {
    let metrics = Metrics::start(Arc::new(SystemClock)).unwrap();
    ::metrics::histogram!("keyward_http_request_duration_seconds").record(0.003);
    metrics.upkeep();
    let page = metrics.page();
    for line in [
        "keyward_build_info{version=\"",
        "keyward_uptime_seconds ",
        "keyward_http_request_duration_seconds_bucket{le=\"0.005\"} 1",
        "keyward_http_request_seconds_bucket{le=\"0.005\"} 1",
        "# HELP keyward_http_request_seconds Deprecated",
        // Nothing was lost yet, and the first loss must be visible.
        "keyward_history_lost_total 0",
    ] {
        assert!(page.contains(line), "{line} is missing in:\n{page}");
    }
}
