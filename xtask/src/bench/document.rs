//! The page with the figures: prose by hand, and between marks the figures of the last whole run.
//!
//! A run that measured only some figures replaces those lines and leaves the others.

use std::fs;

use anyhow::{Context as _, Result};

use super::figures::{OTHERS_HEAD, Report, TARGETS_HEAD};
use keyward_testkit::run;

/// Its path in the workspace.
pub(super) const PATH: &str = "docs/performance.md";

/// Writes the figures into the page.
pub(super) fn write(machine: &str, report: &Report) -> Result<()> {
    let path = run::workspace_root().join(PATH);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {PATH}"))?;
    let text = replace(&text, "machine", |_| machine.to_owned())?;
    let text = replace(&text, "targets", |old| table(TARGETS_HEAD, old, &report.lines(true)))?;
    let text = replace(&text, "others", |old| table(OTHERS_HEAD, old, &report.lines(false)))?;
    fs::write(&path, text).with_context(|| format!("cannot write {PATH}"))
}

/// Replaces the text between the marks of this name.
fn replace(text: &str, name: &str, new: impl FnOnce(&str) -> String) -> Result<String> {
    let (begin, end) = (format!("<!-- measured: {name} -->\n"), "<!-- end -->");
    let lacks = || format!("{PATH} has no `{}` with an `{end}` after it", begin.trim());
    let (before, rest) = text.split_once(&begin).with_context(lacks)?;
    let (old, after) = rest.split_once(end).with_context(lacks)?;
    Ok(format!("{before}{begin}{}\n{end}{after}", new(old).trim_end()))
}

/// The table with these lines in the place of those about the same figures.
fn table(head: &str, old: &str, lines: &[String]) -> String {
    let figure = |line: &str| line.split('|').nth(1).map(|name| name.trim().to_owned());
    let mut table: Vec<String> = old.lines().skip(2).filter(|line| line.starts_with('|')).map(str::to_owned).collect();
    for line in lines {
        match table.iter_mut().find(|old| figure(old) == figure(line)) {
            Some(old) => old.clone_from(line),
            None => table.push(line.clone()),
        }
    }
    format!("{head}\n{}", table.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_between_the_marks_is_replaced() {
        let page = |machine: &str| {
            let others = "<!-- measured: x -->\n<!-- end -->\n";
            format!("by hand\n<!-- measured: machine -->\n{machine}\n<!-- end -->\nmore\n{others}")
        };
        assert_eq!(replace(&page("old"), "machine", |old| format!("not {old}")).unwrap(), page("not old"));
        assert!(replace(&page("old"), "nothing", str::to_owned).is_err());
    }

    #[test]
    fn a_figure_that_was_not_measured_keeps_its_line() {
        let old = "| figure |\n|---|\n| a | 1 |\n| b | 2 |\n";
        let new = ["| b | 3 |".to_owned(), "| c | 4 |".to_owned()];
        assert_eq!(table("H\n-", old, &new), "H\n-\n| a | 1 |\n| b | 3 |\n| c | 4 |");
        assert_eq!(table("H\n-", "", &new), "H\n-\n| b | 3 |\n| c | 4 |");
    }
}
