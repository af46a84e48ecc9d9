//! Rules for Rust files: their first line, forbidden words, and the names that a folder must not use.
//!
//! They examine code and string literals separately: a comment may mention anything.

use super::source::{Source, in_name, take_apart};
use super::text::WIDEST;
use super::{File, Finding};

/// Words that code must not contain.
struct Rule {
    below: &'static str,
    /// The files and folders to which the rule does not apply.
    except: &'static [&'static str],
    words: &'static [&'static str],
    reason: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        below: "",
        except: &[],
        words: &["#[ignore"],
        reason: "a test that does not run proves nothing: fix it, or delete it with a reason in the commit",
    },
    Rule {
        below: "",
        except: &[],
        words: &["should_panic"],
        reason: "it passes on any panic: assert on the returned error",
    },
    Rule {
        below: "crates/api/src/http",
        except: &[],
        words: &["operator()", "Reach::of"],
        reason: "a request has the reach of its authenticated caller, and no other: the operator is the command line's",
    },
    Rule {
        below: "crates/api/src",
        except: &["crates/api/src/http/authorization.rs"],
        words: &["AUTHORIZATION"],
        reason: "ask `Authorization::of`: two readers of this header would differ about which credential counts",
    },
    Rule {
        below: "crates/app/src",
        except: &["crates/app/src/access/tokens"],
        words: &["serde", "serde_json"],
        reason: "a use case takes and returns values of its own: what a client reads is written in `api`",
    },
    Rule {
        below: "crates/app/src",
        except: &["crates/app/src/commit.rs", "crates/app/src/lib.rs"],
        words: &["Store", "UnitOfWork", "begin_as"],
        reason: ONE_DOOR,
    },
    Rule {
        below: "crates/server/src",
        except: &["crates/server/src/database.rs"],
        words: &["Store", "UnitOfWork", "begin_as"],
        reason: ONE_DOOR,
    },
];

const ONE_DOOR: &str =
    "take a port that reads, and record a `Change` in a `Unit`: one door alone holds the store that writes";
const NO_STAR: &str =
    "list the columns: a migration would change the answer under a prepared statement, and break the connection";
const NO_CLOCK: &str =
    "bind the time as a value from the `Clock` port: a database's clock is another one, and tests cannot set it";

/// Forbidden SQL, in capitals, and the reason.
const SQL: &[(&str, &str)] =
    &[("SELECT *", NO_STAR), ("RETURNING *", NO_STAR), ("NOW()", NO_CLOCK), ("CURRENT_TIMESTAMP", NO_CLOCK)];

pub(super) fn check(file: &File) -> Vec<Finding> {
    let Some(source) = take_apart(&file.text) else {
        return vec![Finding::new(&file.path, 0, "this is not Rust: rename or correct it")];
    };
    let mut findings = Vec::new();
    let mut say = |line: usize, message: &str| findings.push(Finding::new(&file.path, line, message));
    for (number, columns) in too_wide(&file.text, &source) {
        say(number, &format!("{columns} columns, at most {WIDEST}: break the line"));
    }
    // clippy's `mod_module_files` leaves out tests.
    if file.path.ends_with("/mod.rs") {
        say(0, "put it beside its folder, as `x.rs` next to `x/`: ten tabs called `mod.rs` look alike");
    }
    if !file.text.trim_start().starts_with("//!") {
        say(1, "open with `//!`: one sentence on the purpose of this module, then what it never does");
    }
    let applies = |rule: &&Rule| {
        file.path.starts_with(rule.below) && !rule.except.iter().any(|except| file.path.starts_with(except))
    };
    for rule in RULES.iter().filter(applies) {
        for (number, line) in (1..).zip(&source.code) {
            if let Some(word) = rule.words.iter().find(|word| mentions(line, word)) {
                say(number, &format!("`{word}` does not belong here: {}", rule.reason));
            }
        }
    }
    for line in sleeps_in_tests(file, &source) {
        say(line, "a sleep in a test is slow or flaky: wait for the event, or pass the time in");
    }
    for (line, string) in source.strings.iter().filter(|_| file.path.starts_with("crates/")) {
        for (word, reason) in forbidden_sql(string) {
            say(*line, &format!("`{word}` in SQL: {reason}"));
        }
    }
    findings
}

/// Finds forbidden SQL in a text, wherever its blanks are. `now()` in a message counts as SQL.
pub(super) fn forbidden_sql(text: &str) -> Vec<(&'static str, &'static str)> {
    let normal =
        text.to_uppercase().split_whitespace().collect::<Vec<_>>().join(" ").replace(" (", "(").replace("( )", "()");
    SQL.iter().filter(|(word, _)| mentions(&normal, word)).copied().collect()
}

/// The lines that are too wide, with their columns. A line may be wider if it contains a literal that does not fit into
/// a line of its own, and that was not broken.
fn too_wide<'a>(text: &'a str, source: &'a Source) -> impl Iterator<Item = (usize, usize)> + 'a {
    let has_wide_literal = |number: usize, indent: usize| {
        let here = source.strings.iter().filter(move |(first, _)| *first == number);
        here.map(|(_, literal)| literal).any(|it| !it.contains('\n') && indent + it.chars().count() > WIDEST)
    };
    let lines = (1..).zip(text.lines()).map(|(number, line)| (number, line, line.chars().count()));
    lines.filter_map(move |(number, line, columns)| {
        let indent = line.chars().take_while(|c| c.is_whitespace()).count();
        (columns > WIDEST && !has_wide_literal(number, indent)).then_some((number, columns))
    })
}

/// Lines of test code on which something sleeps.
fn sleeps_in_tests(file: &File, source: &Source) -> Vec<usize> {
    let all_of_it = file.path.starts_with("tests/") || file.path.contains("/tests/") || file.path.ends_with("tests.rs");
    let mut in_tests = all_of_it;
    let mut found = Vec::new();
    for (number, line) in (1..).zip(&source.code) {
        // Unit tests are at the end of a file. A `#[cfg(test)] mod tests;` moves them elsewhere.
        in_tests |= line.ends_with("mod tests{");
        if in_tests && (mentions(line, "sleep(") || mentions(line, "sleep_until(")) {
            found.push(number);
        }
    }
    found
}

/// Whether the text contains the word, and not only as a part of a longer name.
fn mentions(text: &str, word: &str) -> bool {
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

    /// Lines with findings in a file that is correct but for the given text.
    fn lines(path: &str, text: &str) -> Vec<usize> {
        let file = File { path: path.to_owned(), text: format!("//! For a test.\n{text}") };
        check(&file).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn each_rule_finds_its_words_in_code_where_it_applies() {
        let unit = "let mut work = store.begin_as(&by).await?;\n";
        let header = "let value = headers.get(header::AUTHORIZATION);\nlet proxy = header::PROXY_AUTHORIZATION;\n";
        let cases: &[(&str, &str, &[usize])] = &[
            ("crates/domain/src/id.rs", "/// now() and #[ignore] in a comment\nfn f() { g(\"should_panic\") }\n", &[]),
            ("xtask/src/a.rs", "#[ignore = \"slow\"]\n// #[ignore]\nmy_should_panic();\n#[should_panic]\n", &[2, 5]),
            ("crates/api/tests/it/mod.rs", "", &[0]),
            ("crates/api/tests/it/my_mod.rs", "", &[]),
            ("crates/api/src/http/v1.rs", "let reach = Reach::of(id);\nreach.of();\n", &[2]),
            ("crates/app/src/manage/issue_key.rs", "use serde_json::Value;\n", &[2]),
            ("crates/app/src/access/tokens/access.rs", "use serde_json::Value;\n", &[]),
            ("crates/app/src/manage/issue_key.rs", unit, &[2]),
            ("crates/app/src/commit.rs", unit, &[]),
            ("crates/server/src/installation.rs", "fn f(store: &dyn Store) {}\n", &[2]),
            ("crates/server/src/database.rs", "fn f(store: &dyn Store) {}\n", &[]),
            ("crates/storage/src/postgres.rs", unit, &[]),
            ("crates/api/src/http/v1/token.rs", header, &[2]),
            ("crates/api/src/http/authorization.rs", header, &[]),
            ("crates/api/tests/it/v1/auth.rs", header, &[]),
        ];
        for (path, text, expected) in cases {
            assert_eq!(lines(path, text), *expected, "{path}: {text}");
        }
    }

    #[test]
    fn lines_have_120_columns_and_more_only_for_one_literal_that_does_not_fit() {
        let (fits, wide) = ("x".repeat(116), "x".repeat(119));
        let text = format!(
            "//! {fits}\n// {fits}\n// {wide}\nlet it = \"{wide}\";\nlet it = \"{fits}\";\n\
            let it = \"\n{wide} {wide}\";\n"
        );
        assert_eq!(lines("xtask/src/x.rs", &text), [4, 6, 8]);
    }

    #[test]
    fn a_module_is_rust_and_opens_with_its_purpose() {
        for (text, finding) in [("use std::fs;\n//! late\n", "a.rs:1: open"), ("fn f( {", "a.rs: this is not Rust")] {
            let found = check(&File { path: "a.rs".to_owned(), text: text.to_owned() });
            assert!(found[0].to_string().starts_with(finding), "{found:?}");
        }
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
