//! Rules for migrations: both databases take the same steps, and no step hides what it reads.
//!
//! It never judges the SQL itself: the databases do that when `cargo xtask sqlx` applies it.

use std::collections::BTreeMap;

use super::rust::forbidden_sql;
use super::{File, Finding};

const DIALECTS: [&str; 2] = ["postgres", "sqlite"];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut homes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for file in files {
        let Some((dialect, name)) = file.path.strip_prefix("migrations/").and_then(|rest| rest.split_once('/')) else {
            continue;
        };
        homes.entry(name).or_default().push(dialect);
        if number(name).is_none() {
            findings.push(Finding::new(
                &file.path,
                0,
                "call it NNNN_name.sql, with a number of four digits: they are applied in that order",
            ));
        }
        for (line, text) in (1..).zip(file.text.lines()) {
            let statement = text.split("--").next().unwrap_or_default();
            findings.extend(
                forbidden_sql(statement)
                    .into_iter()
                    .map(|(word, why)| Finding::new(&file.path, line, format!("`{word}` in SQL: {why}"))),
            );
        }
    }
    for (name, dialects) in &homes {
        for dialect in DIALECTS.iter().filter(|dialect| !dialects.contains(dialect)) {
            let path = format!("migrations/{dialect}/{name}");
            findings.push(Finding::new(
                &path,
                0,
                "missing: both databases have the same numbers and names; where one \
                                                  has nothing to do, its file says why",
            ));
        }
    }
    let names: Vec<&&str> = homes.keys().collect();
    for pair in names.windows(2).filter(|pair| number(pair[0]).is_some() && number(pair[0]) == number(pair[1])) {
        findings.push(Finding::new(
            "migrations",
            0,
            format!("{} and {} have the same number: give the later one the next", pair[0], pair[1]),
        ));
    }
    findings
}

/// The number in `NNNN_name.sql`.
fn number(name: &str) -> Option<u16> {
    let (digits, rest) = name.split_at_checked(4)?;
    let well_named = rest.strip_prefix('_')?.strip_suffix(".sql").is_some_and(|name| !name.is_empty());
    (well_named && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<File> =
            files.iter().map(|(path, text)| File { path: (*path).to_owned(), text: (*text).to_owned() }).collect();
        check(&files).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn twins_pass_and_other_files_are_no_migrations() {
        let twins = [
            ("migrations/postgres/0001_a.sql", "-- now()\nSELECT 1"),
            ("migrations/sqlite/0001_a.sql", ""),
            ("migrations/README.md", ""),
        ];
        assert!(findings(&twins).is_empty());
    }

    #[test]
    fn a_step_of_one_database_alone_is_found() {
        let found = findings(&[("migrations/postgres/0001_a.sql", "")]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("migrations/sqlite/0001_a.sql: missing"), "{found:?}");
    }

    #[test]
    fn one_number_is_one_step() {
        let one = ["postgres", "sqlite"].map(|dialect| format!("migrations/{dialect}/0001_a.sql"));
        let other = ["postgres", "sqlite"].map(|dialect| format!("migrations/{dialect}/0001_b.sql"));
        let files: Vec<(&str, &str)> = one.iter().chain(&other).map(|path| (path.as_str(), "")).collect();
        assert_eq!(findings(&files).len(), 1);
    }

    #[test]
    fn names_have_four_digits() {
        assert_eq!(number("0012_add_x.sql"), Some(12));
        for wrong in ["12_a.sql", "0012a.sql", "0012_.sql", "0012_a.txt", "+012_a.sql", "ééé_a.sql"] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn defaults_read_no_clock() {
        let found = findings(&[
            ("migrations/postgres/0001_a.sql", "x\n  at TIMESTAMPTZ DEFAULT now()"),
            ("migrations/sqlite/0001_a.sql", ""),
        ]);
        assert!(found[0].starts_with("migrations/postgres/0001_a.sql:2: "), "{found:?}");
    }
}
