//! Rules for every text file, in any language: no paths of one machine, no secrets, an overview that stays short.

use std::path::Path;

use super::{File, Finding, rust::WIDEST};

const OVERVIEW: &str = "ARCHITECTURE.md";
const LONGEST_OVERVIEW: usize = 150;

/// Folders that only one machine has. Put together here, so that this file does not find itself.
const OWN_FOLDERS: &[&str] =
    &[concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/ro", "ot/"), concat!("/wo", "rk/")];

const KEY_PREFIXES: &[&str] = &["sk_live_", "sk_test_"];
/// A whole key has 75 characters after its prefix; no one writes 70 of them by hand.
const KEY_LENGTH: usize = 70;

/// How the armour of a key begins, and that of a certificate.
const BEGIN: &str = concat!("-----", "BEGIN");

pub(super) fn check(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |line: usize, message: String| findings.push(Finding::new(&file.path, line, message));

    let lines = file.text.lines().count();
    if file.path == OVERVIEW && lines > LONGEST_OVERVIEW {
        say(
            0,
            format!(
                "{lines} lines; {LONGEST_OVERVIEW} are the most: details belong into module docs, where they are seen \
                 when they change"
            ),
        );
    }
    if Path::new(&file.path).extension().is_some_and(|extension| extension == "md") {
        for (number, columns) in too_wide(&file.text) {
            say(number, format!("{columns} columns; {WIDEST} are the most in prose: break the line"));
        }
    }
    for (number, line) in (1..).zip(file.text.lines()) {
        if let Some(folder) = OWN_FOLDERS.iter().find(|folder| names_folder(line, folder)) {
            say(
                number,
                format!(
                    "a path below {folder} exists on one machine only: make it relative, or take it from a setting"
                ),
            );
        }
        if KEY_PREFIXES.iter().any(|prefix| holds_key(line, prefix)) {
            say(
                number,
                "this looks like a whole secret key: revoke it if it was ever real; in a test, issue one or \
                         build it from parts"
                    .to_owned(),
            );
        }
        if line.split_once(BEGIN).is_some_and(|(_, rest)| rest.contains("PRIVATE")) {
            say(number, "a private key: replace it where it is in use; a test makes its own at run time".to_owned());
        }
    }
    findings
}

/// The lines of prose that are wider than they may be, with their columns. Tables and blocks of code are not prose.
fn too_wide(text: &str) -> Vec<(usize, usize)> {
    let mut is_code = false;
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        let columns = line.chars().count();
        if columns > WIDEST && !is_code && !line.starts_with('|') {
            found.push((number, columns));
        }
    }
    found
}

/// Whether an absolute path below the folder stands here: not a part of a longer path or address.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + folder.len()..].chars().next();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-})>/".contains(c))
            && after.is_some_and(char::is_alphanumeric)
    })
}

fn holds_key(line: &str, prefix: &str) -> bool {
    line.match_indices(prefix)
        .any(|(at, _)| line[at + prefix.len()..].chars().take_while(char::is_ascii_alphanumeric).count() >= KEY_LENGTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_has_120_columns_and_tables_and_code_have_more() {
        let wide = "x".repeat(121);
        let text = format!("{wide}\n| {wide} |\n```sh\n{wide}\n```\n{wide}\n{}\n", "ü".repeat(120));
        assert_eq!(too_wide(&text), [(1, 121), (6, 121)]);
    }

    fn lines(path: &str, text: &str) -> Vec<usize> {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        check(&file).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_path_of_one_machine_is_found_but_a_part_of_a_longer_one_is_not() {
        for folder in OWN_FOLDERS {
            assert_eq!(lines("README.md", &format!("see\n`{folder}ann/x`\n")), [2], "{folder}");
            assert!(
                lines("README.md", &format!("https://example.com{folder}ann src{folder}x {folder}")).is_empty(),
                "{folder}"
            );
        }
    }

    #[test]
    fn a_whole_key_is_found_and_an_abbreviated_one_is_not() {
        for prefix in KEY_PREFIXES {
            assert_eq!(lines("a.md", &format!("{prefix}{}", "a".repeat(KEY_LENGTH))), [1]);
            assert!(lines("a.md", &format!("{prefix}{}… {prefix}", "a".repeat(KEY_LENGTH - 1))).is_empty());
        }
    }

    #[test]
    fn every_kind_of_private_key_is_found_and_a_certificate_is_not() {
        for kind in ["", "RSA ", "EC "] {
            assert_eq!(lines("a.pem", &format!("x\n{BEGIN} {kind}PRIVATE KEY-----")), [2]);
        }
        assert!(lines("a.pem", &format!("{BEGIN} CERTIFICATE-----")).is_empty());
    }

    #[test]
    fn only_the_overview_has_to_be_short() {
        let long = "x\n".repeat(LONGEST_OVERVIEW + 1);
        assert_eq!(lines("ARCHITECTURE.md", &long), [0]);
        assert!(lines("CHANGELOG.md", &long).is_empty());
    }
}
