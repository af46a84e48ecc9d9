//! The page about logs lists every field that any line of the product may have, and no other.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::harness::Page;

const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

#[test]
fn the_page_about_logs_lists_the_fields_of_all_other_lines() {
    let crates = keyward_testkit::run::workspace_root().join("crates");
    let mut files = Vec::new();
    for entry in fs::read_dir(&crates).unwrap() {
        collect(&entry.unwrap().path().join("src"), &mut files);
    }
    let written: BTreeSet<String> = files.iter().flat_map(|file| fields(&fs::read_to_string(file).unwrap())).collect();
    // One that is found only here: the scan below works.
    assert!(written.contains("key.id") && written.contains("kept_up_to"), "{written:?}");
    assert_eq!(written, listed());
}

/// Collects the Rust files below a folder.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The fields of each line that a source file writes: the arguments before its message.
fn fields(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for level in LEVELS {
        for call in source.split(&format!("tracing::{level}!(")).skip(1) {
            let before_the_message = call.split('"').next().unwrap_or_default();
            let names = before_the_message.split(',').map(|field| field.split('=').next().unwrap_or_default().trim());
            let names = names.filter(|name| !name.is_empty() && !name.starts_with("parent:"));
            found.extend(names.map(|name| name.trim_start_matches(['%', '?']).to_owned()));
        }
    }
    found
}

/// The texts between backticks in the first column of the last table.
fn listed() -> BTreeSet<String> {
    let rows = Page::read("docs/logs.md").section("## Fields of all other lines").rows();
    let cells = rows.iter().filter_map(|row| row.first());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned)).collect()
}
