//! The files of checked queries: read, compared, replaced.
//!
//! It only touches `query-*.json`: other files in such a folder stay.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// Text by file name, in the order of the names.
pub(super) type Queries = BTreeMap<String, String>;

/// The checked queries in a folder; none if there is no such folder.
pub(super) fn queries(folder: &Path) -> Result<Queries> {
    let mut found = Queries::new();
    if !folder.exists() {
        return Ok(found);
    }
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with("query-") && Path::new(&name).extension().is_some_and(|extension| extension == "json") {
            let text = fs::read_to_string(folder.join(&name)).with_context(|| format!("cannot read {name}"))?;
            found.insert(name, text);
        }
    }
    Ok(found)
}

/// A query, and the kind of database that checked it.
#[derive(Deserialize)]
pub(super) struct Checked {
    pub(super) query: String,
    pub(super) db_name: String,
}

/// Reads one of sqlx's files.
pub(super) fn read(name: &str, text: &str) -> Result<Checked> {
    serde_json::from_str(text).with_context(|| format!("{name} holds no checked query"))
}

/// The differences, one line each with the query's text.
pub(super) fn differences(old: &Queries, fresh: &Queries) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let names: BTreeSet<&String> = old.keys().chain(fresh.keys()).collect();
    for name in names {
        let (text, what) = match (old.get(name), fresh.get(name)) {
            (None, Some(text)) => (text, "not checked yet"),
            (Some(before), Some(text)) if before != text => (text, "the database answers differently now"),
            (Some(text), None) => (text, "no longer in the code"),
            _ => continue,
        };
        found.push(format!("{what}: {}", read(name, text)?.query));
    }
    Ok(found)
}

/// Makes the folder hold exactly these queries.
pub(super) fn replace(folder: &Path, fresh: &Queries) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for name in queries(folder)?.keys().filter(|name| !fresh.contains_key(*name)) {
        fs::remove_file(folder.join(name)).with_context(|| format!("cannot remove {name}"))?;
    }
    for (name, text) in fresh {
        fs::write(folder.join(name), text).with_context(|| format!("cannot write {name}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(files: &[(&str, &str, u8)]) -> Queries {
        let text = |sql, rest| serde_json::json!({ "db_name": "SQLite", "query": sql, "describe": rest }).to_string();
        files.iter().map(|(name, sql, rest)| (format!("query-{name}.json"), text(*sql, *rest))).collect()
    }

    #[test]
    fn each_kind_of_difference_names_its_query() {
        let old = set(&[("a", "SELECT 1", 1), ("b", "SELECT 2", 1)]);
        let fresh = set(&[("a", "SELECT 1", 2), ("c", "SELECT 3", 1)]);
        let expected = [
            "the database answers differently now: SELECT 1",
            "no longer in the code: SELECT 2",
            "not checked yet: SELECT 3",
        ];
        assert_eq!(differences(&old, &fresh).unwrap(), expected);
        assert!(differences(&fresh, &fresh).unwrap().is_empty());
    }

    #[test]
    fn replacing_makes_the_folder_and_removes_stale_queries_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join(".sqlx");
        assert!(queries(&home).unwrap().is_empty());
        replace(&home, &set(&[("a", "SELECT 1", 1)])).unwrap();
        fs::write(home.join("README.md"), "mine").unwrap();
        let fresh = set(&[("c", "SELECT 3", 1)]);

        replace(&home, &fresh).unwrap();

        assert_eq!(queries(&home).unwrap(), fresh);
        assert!(home.join("README.md").exists());
    }
}
