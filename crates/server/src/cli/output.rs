//! Output of commands: JSON for programs, tables for people.
//!
//! Standard output carries only the answer. Never prints a secret where it could end in a log or a pipe.

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::Result;
use clap::{Args, ValueEnum};
use keyward_domain::is_hidden;
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

/// In which form a list or an object is printed.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(super) struct Form {
    /// Output format: a table, or JSON with the names of the HTTP API. If absent, a table on a terminal and JSON
    /// elsewhere
    #[arg(long, value_name = "FORM")]
    format: Option<Format>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

impl Form {
    /// Whether the output is JSON.
    pub(super) fn is_json(self) -> bool {
        !self.is_table()
    }

    fn is_table(self) -> bool {
        self.format.map_or_else(is_terminal, |format| format == Format::Table)
    }
}

/// Prints one line for people.
pub(super) fn line(text: &str) -> Result<()> {
    Ok(writeln!(io::stdout().lock(), "{text}")?)
}

/// Prints one JSON value.
pub(super) fn json(value: &Value) -> Result<()> {
    line(&fit_to_show(&format!("{value:#}")))
}

/// Whether standard output is a terminal.
pub(super) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Prints one object: as JSON, or one line for each of these fields, in this order.
pub(super) fn object(value: &Value, fields: &[(&str, &str)], form: Form) -> Result<()> {
    object_to_copy_from(value, fields, &[], form)
}

/// As [`object`], followed by fields to copy: each value alone on a line under its title, so that selecting the line
/// selects the whole value.
pub(super) fn object_to_copy_from(
    value: &Value,
    fields: &[(&str, &str)],
    copied: &[(&str, &str)],
    form: Form,
) -> Result<()> {
    if !form.is_table() {
        return json(value);
    }
    Ok(io::stdout().lock().write_all(lines(value, fields, copied).as_bytes())?)
}

fn lines(value: &Value, fields: &[(&str, &str)], copied: &[(&str, &str)]) -> String {
    let row = |(title, field): &(&str, &str)| vec![(*title).to_owned(), cell(&value[*field])];
    let mut text = table(&fields.iter().map(row).collect::<Vec<_>>());
    text.extend(copied.iter().map(|(title, field)| format!("\n{title}\n{}\n", cell(&value[*field]))));
    text
}

/// A list that is printed while it is read: as one JSON array, or as a table.
pub(super) struct List {
    /// Title of each column, and the field of a row that it shows.
    columns: &'static [(&'static str, &'static str)],
    as_table: bool,
    rows: usize,
}

impl List {
    /// Starts a list with these columns: title and field.
    pub(super) fn new(columns: &'static [(&'static str, &'static str)], form: Form) -> Self {
        Self { columns, as_table: form.is_table(), rows: 0 }
    }

    /// Prints more rows.
    pub(super) fn add(&mut self, rows: &[Value]) -> Result<()> {
        let text = if self.as_table { self.table(rows) } else { self.elements(rows) };
        self.rows += rows.len();
        Ok(io::stdout().lock().write_all(text.as_bytes())?)
    }

    /// Prints the end.
    pub(super) fn finish(self) -> Result<()> {
        match (self.as_table, self.rows) {
            (true, 0) => line("none"),
            (true, _) => Ok(()),
            (false, 0) => line("[]"),
            (false, _) => line("\n]"),
        }
    }

    fn elements(&self, rows: &[Value]) -> String {
        let mut text = String::new();
        for (place, row) in rows.iter().enumerate() {
            text.push_str(if self.rows + place == 0 { "[\n" } else { ",\n" });
            text.push_str(&fit_to_show(&row.to_string()));
        }
        text
    }

    /// A table as wide as these rows need; a later page may be wider.
    fn table(&self, rows: &[Value]) -> String {
        let titles = self.columns.iter().map(|(title, _)| (*title).to_owned()).collect();
        let cells = |row: &Value| self.columns.iter().map(|(_, field)| cell(&row[*field])).collect::<Vec<_>>();
        let mut lines: Vec<Vec<String>> = Vec::new();
        if self.rows == 0 && self.columns.iter().any(|(title, _)| !title.is_empty()) {
            lines.push(titles);
        }
        lines.extend(rows.iter().map(cells));
        table(&lines)
    }
}

/// Aligns cells in columns, each as wide as its widest cell on a terminal.
fn table(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let wide = |column: usize| lines.iter().map(|line| line[column].width()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns).map(wide).collect();
    lines.iter().map(|line| aligned(line, &widths)).collect()
}

/// Escapes characters that hide or reorder others, which texts older than that rule may hold. They are escaped as in
/// JSON, so a program reads the same text.
fn fit_to_show(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            shown.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            shown.push(c);
        }
    }
    shown
}

fn aligned(line: &[String], widths: &[usize]) -> String {
    let pad = |(cell, width): (&String, &usize)| format!("{cell}{}", " ".repeat(width.saturating_sub(cell.width())));
    let padded: Vec<String> = line.iter().zip(widths).map(pad).collect();
    format!("{}\n", padded.join("  ").trim_end())
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => fit_to_show(text),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(" "),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    //! Both formats, over several pages.
    use serde_json::json;

    use super::*;

    fn pages(as_table: bool) -> String {
        let mut list = List { columns: &[("MID", "mid"), ("NAME", "name")], as_table, rows: 0 };
        let mut text = String::new();
        for page in [
            vec![json!({"mid": "a", "name": "Long name"}), json!({"mid": "bcd", "name": null})],
            vec![json!({"mid": "e", "name": ["x", "y"]})],
        ] {
            text += &if as_table { list.table(&page) } else { list.elements(&page) };
            list.rows += page.len();
        }
        text
    }

    #[test]
    fn a_table_is_aligned_and_has_one_heading() {
        assert_eq!(pages(true), "MID  NAME\na    Long name\nbcd  -\ne  x y\n");
    }

    #[test]
    fn a_wide_character_has_its_width_on_a_terminal() {
        let rows = [["株式会社", "x"], ["Café", "y"], ["abc", "z"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows), "株式会社  x\nCafé      y\nabc       z\n");
    }

    #[test]
    fn a_character_that_reorders_or_hides_others_is_escaped() {
        let old = json!({"name": "a\u{202e}b\u{e0041}\u{feff}é"});
        let mut list = List { columns: &[("NAME", "name")], as_table: true, rows: 0 };
        assert_eq!(list.table(std::slice::from_ref(&old)), "NAME\na\\u202eb\\udb40\\udc41\\ufeffé\n");
        list.as_table = false;
        let shown = list.elements(std::slice::from_ref(&old));
        assert!(!shown.contains('\u{202e}') && !shown.contains('\u{feff}'), "{shown}");
        let again: Value = serde_json::from_str(&format!("{shown}]")).unwrap();
        assert_eq!(again[0], old, "a program reads what was stored");
    }

    #[test]
    fn a_value_to_copy_has_its_own_line() {
        let key = json!({"id": "key_1", "value": "sk_test_x"});
        let shown = lines(&key, &[("ID", "id"), ("NAME", "name")], &[("VALUE, shown once", "value")]);
        assert_eq!(shown, "ID    key_1\nNAME  -\n\nVALUE, shown once\nsk_test_x\n");
    }

    #[test]
    fn json_is_one_array() {
        let all: Value = serde_json::from_str(&format!("{}]", pages(false))).unwrap();
        assert_eq!(all.as_array().map(Vec::len), Some(3));
    }
}
