//! Rules for migrations: both databases take the same steps, and no step hides what it reads.
//!
//! It never checks the SQL itself: the databases do that when `cargo xtask sqlx` applies it.

use std::collections::BTreeMap;

use super::rust::forbidden_sql;
use super::text::WIDEST;
use super::{File, Finding};

/// Earlier migrations are released with wider lines, and a released migration never changes.
const FIRST_OF_LIMITED_WIDTH: u16 = 16;

const DIALECTS: [&str; 2] = ["postgres", "sqlite"];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |path: &str, line: usize, message: &str| findings.push(Finding::new(path, line, message));
    let mut homes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for file in files {
        let Some((dialect, name)) = file.path.strip_prefix("migrations/").and_then(|rest| rest.split_once('/')) else {
            continue;
        };
        homes.entry(name).or_default().push(dialect);
        if number(name).is_none() {
            say(&file.path, 0, "call it NNNN_name.sql, with a number of four digits: they are applied in that order");
        }
        for (line, text) in (1..).zip(file.text.lines()) {
            let columns = text.chars().count();
            if columns > WIDEST && number(name).is_some_and(|number| number >= FIRST_OF_LIMITED_WIDTH) {
                say(&file.path, line, &format!("{columns} columns, at most {WIDEST}: break the line"));
            }
            for (word, reason) in forbidden_sql(text.split("--").next().unwrap_or_default()) {
                say(&file.path, line, &format!("`{word}` in SQL: {reason}"));
            }
        }
    }
    for (name, dialects) in &homes {
        for dialect in DIALECTS.iter().filter(|dialect| !dialects.contains(dialect)) {
            let path = format!("migrations/{dialect}/{name}");
            say(&path, 0, "missing: both databases have the same files; one that has nothing to do says why");
        }
    }
    let names: Vec<&&str> = homes.keys().collect();
    for pair in names.windows(2).filter(|pair| number(pair[0]).is_some() && number(pair[0]) == number(pair[1])) {
        let message = format!("{} and {} have the same number: give the later one the next", pair[0], pair[1]);
        say("migrations", 0, &message);
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

    /// Checks the findings where both databases have the first files, and Postgres has the others too.
    #[track_caller]
    fn found(both: &[(&str, &str)], postgres: &[(&str, &str)], expected: &[&str]) {
        let file =
            |dialect, name, text| File { path: format!("migrations/{dialect}/{name}"), text: String::from(text) };
        let twins =
            DIALECTS.iter().flat_map(|dialect| both.iter().map(move |(name, text)| file(*dialect, *name, *text)));
        let files: Vec<File> =
            twins.chain(postgres.iter().map(|(name, text)| file("postgres", *name, *text))).collect();
        let found: Vec<String> = check(&files).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        found.iter().zip(expected).for_each(|(found, expected)| assert!(found.starts_with(expected), "{found}"));
    }

    #[test]
    fn both_databases_take_the_same_steps_under_one_number_each() {
        found(&[("0001_a.sql", "-- now()\nSELECT 1")], &[], &[]);
        found(&[], &[("0001_a.sql", "")], &["migrations/sqlite/0001_a.sql: missing"]);
        found(&[("0001_a.sql", ""), ("0001_b.sql", "")], &[], &["migrations: 0001_a.sql and 0001_b.sql have the same"]);
        assert!(check(&[File { path: "migrations/README.md".into(), text: String::new() }]).is_empty());
    }

    #[test]
    fn lines_of_new_migrations_have_120_columns() {
        let (fits, wide) = ("x".repeat(120), format!("-- {}", "x".repeat(118)));
        let wide = [("0015_a.sql", &*wide), ("0016_b.sql", &wide), ("0017_c.sql", &fits)];
        found(&wide, &[], &["migrations/postgres/0016_b.sql:1: 121 columns", "migrations/sqlite/0016_b.sql:1: 121"]);
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
        let clock = [("0001_a.sql", "x\n  at TIMESTAMPTZ DEFAULT now()")];
        found(&clock, &[], &["migrations/postgres/0001_a.sql:2: ", "migrations/sqlite/0001_a.sql:2: "]);
    }
}
