//! The files of checked queries: read, compared, replaced.
//!
//! It only touches `query-*.json`: other files in such a folder stay.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

/// Text by file name, in the order of the names.
pub(super) type Queries = BTreeMap<String, String>;

/// The checked queries in a folder; none if there is no such folder.
pub(super) fn queries(folder: &Path) -> Result<Queries> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Queries::new()),
        entries => entries.with_context(|| format!("cannot list {}", folder.display()))?,
    };
    let mut found = Queries::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("query-") && path.extension().is_some_and(|extension| extension == "json") {
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            found.insert(name, text);
        }
    }
    Ok(found)
}

/// The text of a query, and the kind of database that it was checked against.
#[derive(Deserialize)]
pub(super) struct Checked {
    pub(super) query: String,
    pub(super) db_name: String,
}

/// Reads a file of sqlx's.
pub(super) fn read(name: &str, text: &str) -> Result<Checked> {
    serde_json::from_str(text).with_context(|| format!("{name} holds no checked query"))
}

/// What would have to change, one line each with the query's text.
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

/// The migrations of a folder, in the order in which they are applied.
pub(super) fn migrations(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list the migrations in {}", folder.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            found.push(path);
        }
    }
    ensure!(!found.is_empty(), "no migrations in {}: nothing to check queries against", folder.display());
    // Their numbers have as many digits each; tidy sees to that.
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(sql: &str, rest: &str) -> String {
        serde_json::json!({ "db_name": "SQLite", "query": sql, "describe": rest }).to_string()
    }

    fn set(files: &[(&str, String)]) -> Queries {
        files.iter().map(|(name, text)| ((*name).to_owned(), text.clone())).collect()
    }

    #[test]
    fn each_kind_of_difference_names_its_query() {
        let old = set(&[("query-a.json", file("SELECT 1", "1")), ("query-b.json", file("SELECT 2", "1"))]);
        let fresh = set(&[("query-a.json", file("SELECT 1", "2")), ("query-c.json", file("SELECT 3", "1"))]);
        let expected = [
            "the database answers differently now: SELECT 1",
            "no longer in the code: SELECT 2",
            "not checked yet: SELECT 3",
        ];
        assert_eq!(differences(&old, &fresh).unwrap(), expected);
        assert!(differences(&fresh, &fresh).unwrap().is_empty());
    }

    #[test]
    fn replacing_removes_stale_queries_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join(".sqlx");
        let fresh = set(&[("query-c.json", file("SELECT 3", "1"))]);
        fs::create_dir(&home).unwrap();
        fs::write(home.join("query-a.json"), "{}").unwrap();
        fs::write(home.join("README.md"), "mine").unwrap();

        replace(&home, &fresh).unwrap();

        assert_eq!(queries(&home).unwrap(), fresh);
        assert!(home.join("README.md").exists());
    }

    #[test]
    fn a_folder_that_is_not_there_holds_no_queries_but_migrations_must_be() {
        let folder = tempfile::tempdir().unwrap();
        assert!(queries(&folder.path().join("none")).unwrap().is_empty());
        assert!(migrations(folder.path()).is_err());
    }

    #[test]
    fn migrations_come_in_the_order_of_their_numbers() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["0002_b.sql", "0001_z.sql", "README.md", "0010_a.sql"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let names: Vec<_> =
            migrations(folder.path()).unwrap().iter().map(|path| path.file_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["0001_z.sql", "0002_b.sql", "0010_a.sql"]);
    }
}
