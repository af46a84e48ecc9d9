//! Rules for Rust files: their size, how they open, what must not stand in them, and who may name whom.
//!
//! They look at code and string literals apart: a comment may speak of anything.

use super::source::{Source, take_apart};
use super::{File, Finding};

const LONGEST: usize = 400;
/// Columns of a line. A text in quotes may be wider: what a program prints or a database reads is not always ours to
/// break.
pub(super) const WIDEST: usize = 120;

/// What code must not contain: below which path, except in which file or folder, the words, and why.
struct Rule(&'static str, &'static str, &'static [&'static str], &'static str);

const RULES: &[Rule] = &[
    Rule("", "-", &["todo!(", "unimplemented!("], "finish it, or leave the item out: a path that panics is not a plan"),
    Rule("", "-", &["dbg!("], "remove it; what is worth knowing later is a `tracing` event with fields"),
    Rule(
        "",
        "-",
        &["#[ignore"],
        "a test that does not run proves nothing: fix it, or delete it with a reason in the commit",
    ),
    Rule("", "-", &["should_panic"], "it passes on any panic: assert on the returned error"),
    Rule("crates/api/src/http", "-", &["sqlx"], "HTTP reaches storage through a use case and its ports only"),
    Rule(
        "crates/api/src/http",
        "-",
        &["operator()", "Reach::of"],
        "a request has the reach of the caller that proved itself, and no other: the operator is the command line's \
         alone",
    ),
    Rule("crates/domain/src", "-", &["sqlx", "tokio", "axum"], "the domain only decides: no I/O, no runtime"),
    Rule(
        "crates/api/src",
        "crates/api/src/http/authorization.rs",
        &["AUTHORIZATION"],
        "ask `Authorization::of`: two readers of this header would differ about which of two credentials counts",
    ),
    Rule(
        "crates/app/src",
        "crates/app/src/access/tokens",
        &["serde", "serde_json"],
        "a use case takes and returns values of its own: what a client reads is written in `api`",
    ),
    Rule(
        "crates/app/src",
        "crates/app/src/commit.rs",
        &["UnitOfWork", "begin_as"],
        "there is one door for changes: record a `Change` in a `Unit`, so that none is committed and not waited for",
    ),
];

const NO_STAR: &str =
    "list the columns: a migration would change the answer under a prepared statement, and break the connection";
const NO_CLOCK: &str =
    "bind the time as a value from the `Clock` port: a database's clock is another one, and tests cannot set it";

/// SQL that must not be written, in capitals, and why.
const SQL: &[(&str, &str)] =
    &[("SELECT *", NO_STAR), ("RETURNING *", NO_STAR), ("NOW()", NO_CLOCK), ("CURRENT_TIMESTAMP", NO_CLOCK)];

pub(super) fn check(file: &File) -> Vec<Finding> {
    let Some(source) = take_apart(&file.text) else {
        return vec![Finding::new(&file.path, 0, "this is not Rust: rename it, or mend it")];
    };
    let mut findings = Vec::new();
    let mut say = |line: usize, message: String| findings.push(Finding::new(&file.path, line, message));

    let lines = file.text.lines().count();
    if lines > LONGEST {
        say(
            0,
            format!(
                "{lines} lines; {LONGEST} are the most, aim for 150: split it by what changes together, tests into a \
                 file of their own"
            ),
        );
    }
    for (number, columns) in too_wide(&file.text, &source) {
        say(number, format!("{columns} columns; {WIDEST} are the most: break the line"));
    }
    if file.path.ends_with("/mod.rs") {
        say(
            0,
            "name it after its folder and put it beside that (`x.rs` next to `x/`): ten tabs called `mod.rs` look alike"
                .to_owned(),
        );
    }
    if !file.text.trim_start().starts_with("//!") {
        say(1, "open with `//!`: one sentence on what this module is for, then what it never does".to_owned());
    }
    for Rule(below, except, words, lesson) in RULES {
        if !file.path.starts_with(below) || file.path.starts_with(except) {
            continue;
        }
        for (number, line) in (1..).zip(source.code.lines()) {
            if let Some(word) = words.iter().find(|word| mentions(line, word)) {
                say(number, format!("`{word}` has no place here: {lesson}"));
            }
        }
    }
    for line in sleeps_in_tests(file, &source) {
        say(
            line,
            "a sleep in a test is slow when it is too long and flaky when it is too short: wait for the event, \
                   or pass the time in"
                .to_owned(),
        );
    }
    if file.path.starts_with("crates/") {
        for (line, string) in &source.strings {
            for (word, lesson) in forbidden_sql(string) {
                say(*line, format!("`{word}` in SQL: {lesson}"));
            }
        }
    }
    findings
}

/// Forbidden SQL in a piece of text, wherever its blanks are. Plain words in a sentence are not SQL: `now()` in a
/// message is.
pub(super) fn forbidden_sql(text: &str) -> Vec<(&'static str, &'static str)> {
    let normal =
        text.to_uppercase().split_whitespace().collect::<Vec<_>>().join(" ").replace(" (", "(").replace("( )", "()");
    SQL.iter().filter(|(word, _)| mentions(&normal, word)).copied().collect()
}

/// The lines that are wider than they may be, with their columns.
fn too_wide<'a>(text: &'a str, source: &'a Source) -> impl Iterator<Item = (usize, usize)> + 'a {
    let is_quoted = |number: usize| {
        let mut strings = source.strings.iter();
        strings.any(|(first, string)| (*first..=*first + string.matches('\n').count()).contains(&number))
    };
    let lines = (1..).zip(text.lines().map(|line| line.chars().count()));
    lines.filter(move |(number, columns)| *columns > WIDEST && !is_quoted(*number))
}

/// Lines of test code on which something sleeps.
fn sleeps_in_tests(file: &File, source: &Source) -> Vec<usize> {
    let all_of_it = file.path.starts_with("tests/") || file.path.contains("/tests/") || file.path.ends_with("tests.rs");
    let mut in_tests = all_of_it;
    let mut found = Vec::new();
    for (number, line) in (1..).zip(source.code.lines()) {
        // Unit tests stand at the end of a file. A `#[cfg(test)] mod tests;` moves them elsewhere.
        in_tests |= line.trim() == "mod tests {";
        if in_tests && (mentions(line, "sleep(") || mentions(line, "sleep_until(")) {
            found.push(number);
        }
    }
    found
}

/// Whether the word stands in the text as a whole: not as a part of a longer name.
fn mentions(text: &str, word: &str) -> bool {
    let in_name = |c: char| c.is_alphanumeric() || c == '_';
    let (opens, closes) = (word.starts_with(in_name), word.ends_with(in_name));
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back().is_some_and(in_name);
        let after = text[at + word.len()..].chars().next().is_some_and(in_name);
        !(opens && before || closes && after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines with findings in a file that is fine but for the given text.
    fn lines(path: &str, text: &str) -> Vec<usize> {
        let file = File { path: path.to_owned(), text: format!("//! For a test.\n{text}") };
        check(&file).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_plain_module_passes() {
        assert!(
            lines("crates/domain/src/id.rs", "/// now() and todo!() in a comment\nfn f() { g(\"dbg!()\") }\n")
                .is_empty()
        );
    }

    #[test]
    fn what_must_stand_nowhere_is_found_in_code_only() {
        assert_eq!(
            lines(
                "xtask/src/a.rs",
                "fn f() { todo!() }\n#[ignore = \"slow\"]\n// dbg!(x)\nlet s = \"should_panic\";\n"
            ),
            [2, 3]
        );
        assert!(lines("xtask/src/a.rs", "my_todo!()").is_empty());
    }

    #[test]
    fn four_hundred_lines_pass_and_one_more_does_not() {
        assert!(lines("a.rs", &"\n".repeat(399)).is_empty());
        assert_eq!(lines("a.rs", &"\n".repeat(400)), [0]);
    }

    #[test]
    fn code_and_comments_have_120_columns_and_a_text_in_quotes_more() {
        let (fits, wide) = ("x".repeat(116), "x".repeat(118));
        let text = format!("//! {fits}\n// {fits}\n// {wide}\nlet it = \"{wide}\";\nlet it = \"\n{wide}{wide}\";\n");
        assert_eq!(lines("xtask/src/x.rs", &text), [4]);
    }

    #[test]
    fn a_module_opens_with_what_it_is_for() {
        let file = File { path: "a.rs".to_owned(), text: "use std::fs;\n//! late\n".to_owned() };
        assert_eq!(check(&file).len(), 1);
    }

    #[test]
    fn mod_rs_is_refused_but_a_name_that_ends_like_it_is_not() {
        assert_eq!(lines("crates/api/src/http/mod.rs", ""), [0]);
        assert!(lines("crates/api/src/http/my_mod.rs", "").is_empty());
    }

    #[test]
    fn use_cases_write_no_json_but_tokens_do() {
        let text = "use serde_json::Value;\n";
        assert_eq!(lines("crates/app/src/manage/issue_key.rs", text), [2]);
        assert!(lines("crates/app/src/access/tokens/access.rs", text).is_empty());
        assert_eq!(lines("crates/api/src/http/verify.rs", "use sqlx::PgPool;"), [2]);
        assert!(lines("crates/api/src/http.rs", "let https = observe(sqlxes);").is_empty());
    }

    #[test]
    fn a_use_case_begins_no_unit_of_work_by_itself() {
        let text = "let mut work = store.begin_as(&by).await?;\n";
        assert_eq!(lines("crates/app/src/manage/issue_key.rs", text), [2]);
        assert!(lines("crates/app/src/commit.rs", text).is_empty());
        assert!(lines("crates/storage/src/postgres.rs", text).is_empty());
    }

    #[test]
    fn the_header_of_credentials_has_one_reader() {
        let text = "let value = headers.get(header::AUTHORIZATION);\nlet proxy = header::PROXY_AUTHORIZATION;\n";
        assert_eq!(lines("crates/api/src/http/v1/token.rs", text), [2]);
        assert!(lines("crates/api/src/http/authorization.rs", text).is_empty());
        assert!(lines("crates/api/tests/it/v1/auth.rs", text).is_empty());
    }

    #[test]
    fn sql_lists_its_columns_and_reads_no_clock() {
        let text = "q(\"select\n  *\n from api_key\");\nq(\"UPDATE x SET at = now ()\");\nq(\"SELECT count(*) FROM \
                    x\");\nclock.now();\n";
        assert_eq!(lines("crates/storage/src/postgres/keys.rs", text), [2, 5]);
        assert!(lines("xtask/src/pg.rs", text).is_empty());
        assert!(forbidden_sql("SELECT known() FROM x").is_empty());
    }

    #[test]
    fn tests_do_not_sleep_but_a_retry_in_the_product_may() {
        let product = "fn f() { sleep(d); }\n";
        assert!(lines("crates/app/src/lib.rs", product).is_empty());
        let with_tests = format!("{product}#[cfg(test)]\nmod tests {{\n fn t() {{ std::thread::sleep(d); }}\n}}\n");
        assert_eq!(lines("crates/app/src/lib.rs", &with_tests), [5]);
        assert_eq!(lines("tests/it/main.rs", product), [2]);
        assert_eq!(lines("crates/api/tests/it/v1.rs", product), [2]);
    }
}
