//! Rules for every text file, in any language: no paths of one machine, no secrets, limits on length and width.

use std::path::Path;

use super::{File, Finding};

/// Columns of a line of prose, code or comment.
pub(super) const WIDEST: usize = 120;

/// The end of a file's name, its maximum number of lines, and advice.
const LONGEST: [(&str, usize, &str); 2] = [
    ("ARCHITECTURE.md", 150, "details belong in module docs, beside the code that changes"),
    (".rs", 400, "aim for 150: split it by what changes together, tests into a file of their own"),
];

/// Folders that only one machine has. Concatenated here, so that this file is no finding.
const OWN_FOLDERS: &[&str] =
    &[concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/ro", "ot/"), concat!("/wo", "rk/")];

const KEY_PREFIXES: &[&str] = &["sk_live_", "sk_test_"];
/// A whole key has 75 characters after its prefix; no one writes 70 of them by hand.
const KEY_LENGTH: usize = 70;

/// The first line of a PEM key or certificate begins with this.
const BEGIN: &str = concat!("-----", "BEGIN");

pub(super) fn check(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |line: usize, message: &str| findings.push(Finding::new(&file.path, line, message));
    let lines = file.text.lines().count();
    for (_, most, advice) in LONGEST.iter().filter(|(end, most, _)| file.path.ends_with(end) && lines > *most) {
        say(0, &format!("{lines} lines, at most {most}: {advice}"));
    }
    let is = |kind: &str| Path::new(&file.path).extension().is_some_and(|extension| extension == kind);
    let wide = match () {
        () if is("md") => wide_prose(&file.text),
        () if is("toml") => wide_comments(&file.text),
        () => Vec::new(),
    };
    for (number, columns) in wide {
        say(number, &format!("{columns} columns, at most {WIDEST} in prose and comments: break the line"));
    }
    for (number, line) in (1..).zip(file.text.lines()) {
        if let Some(folder) = OWN_FOLDERS.iter().find(|folder| names_folder(line, folder)) {
            say(number, &format!("a path below {folder} exists on one machine only: make it relative, or a setting"));
        }
        if KEY_PREFIXES.iter().any(|prefix| holds_key(line, prefix)) {
            say(number, "a whole secret key: revoke it if it was ever real; a test issues one or builds it from parts");
        }
        if line.split_once(BEGIN).is_some_and(|(_, rest)| rest.contains("PRIVATE")) {
            say(number, "a private key: replace it where it is in use; a test makes its own at run time");
        }
    }
    findings
}

/// The lines of prose that are too wide, with their columns. Tables and blocks of code are not prose.
fn wide_prose(text: &str) -> Vec<(usize, usize)> {
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

/// The lines of TOML with a comment that are too wide, with their columns. Values may be wider.
fn wide_comments(text: &str) -> Vec<(usize, usize)> {
    let has_comment =
        |line: &str| line.match_indices('#').any(|(at, _)| line[..at].matches('"').count().is_multiple_of(2));
    let lines = (1..).zip(text.lines()).filter(|(_, line)| has_comment(line));
    lines.map(|(number, line)| (number, line.chars().count())).filter(|(_, columns)| *columns > WIDEST).collect()
}

/// Whether the line contains an absolute path below the folder, and not only as a part of a longer path or address.
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

    fn lines(path: &str, text: &str) -> Vec<usize> {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        check(&file).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn prose_has_120_columns_and_tables_and_code_have_more() {
        let wide = "x".repeat(121);
        let text = format!("{wide}\n| {wide} |\n```sh\n{wide}\n```\n{wide}\n{}\n", "ü".repeat(120));
        assert_eq!(lines("README.md", &text), [1, 6]);
    }

    #[test]
    fn comments_of_toml_have_120_columns_and_values_have_more() {
        let wide = "x".repeat(120);
        let text = format!("# {wide}\na = \"# {wide}\"\nb = \"\" # {wide}\n# {}\n", "x".repeat(118));
        assert_eq!(lines("deny.toml", &text), [1, 3]);
    }

    #[test]
    fn the_overview_and_rust_files_have_to_be_short_and_others_need_not() {
        for (path, most) in [("ARCHITECTURE.md", 150), ("a.rs", 400)] {
            assert!(lines(path, &"x\n".repeat(most)).is_empty());
            assert_eq!(lines(path, &"x\n".repeat(most + 1)), [0]);
        }
        assert!(lines("CHANGELOG.md", &"x\n".repeat(401)).is_empty());
    }

    #[test]
    fn a_path_of_one_machine_is_found_but_a_part_of_a_longer_one_is_not() {
        for folder in OWN_FOLDERS {
            assert_eq!(lines("README.md", &format!("see\n`{folder}ann/x`\n")), [2], "{folder}");
            let others = format!("https://example.com{folder}ann src{folder}x {folder}");
            assert!(lines("README.md", &others).is_empty(), "{folder}");
        }
    }

    #[test]
    fn a_whole_key_is_found_and_an_abbreviated_one_or_a_certificate_is_not() {
        for prefix in KEY_PREFIXES {
            assert_eq!(lines("a.md", &format!("{prefix}{}", "a".repeat(KEY_LENGTH))), [1]);
            assert!(lines("a.md", &format!("{prefix}{}… {prefix}", "a".repeat(KEY_LENGTH - 1))).is_empty());
        }
        for kind in ["", "RSA ", "EC "] {
            assert_eq!(lines("a.pem", &format!("x\n{BEGIN} {kind}PRIVATE KEY-----")), [2]);
        }
        assert!(lines("a.pem", &format!("{BEGIN} CERTIFICATE-----")).is_empty());
    }
}
