//! What the checks of `keyward doctor` found.
//!
//! Checks nothing.

use anyhow::Result;
use serde_json::{Value, json};

use crate::cli::output;

/// Severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Good,
    Notice,
    Wrong,
}

/// One finding about one topic.
pub(super) struct Finding {
    pub(super) level: Level,
    pub(super) about: &'static str,
    pub(super) text: String,
}

/// All findings.
#[derive(Default)]
pub(super) struct Findings(pub(super) Vec<Finding>);

impl Findings {
    fn add(&mut self, level: Level, about: &'static str, text: impl Into<String>) {
        self.0.push(Finding { level, about, text: text.into() });
    }

    pub(super) fn good(&mut self, about: &'static str, text: impl Into<String>) {
        self.add(Level::Good, about, text);
    }

    pub(super) fn notice(&mut self, about: &'static str, text: impl Into<String>) {
        self.add(Level::Notice, about, text);
    }

    pub(super) fn wrong(&mut self, about: &'static str, text: impl Into<String>) {
        self.add(Level::Wrong, about, text);
    }

    /// Whether something is wrong.
    pub(super) fn are_wrong(&self) -> bool {
        self.0.iter().any(|finding| finding.level == Level::Wrong)
    }

    /// Prints them as a table or as JSON.
    pub(super) fn print(&self, form: output::Form) -> Result<()> {
        let word = |level| match level {
            Level::Good => "ok",
            Level::Notice => "notice",
            Level::Wrong => "wrong",
        };
        let view = |finding: &Finding| -> Value {
            json!({ "level": word(finding.level), "about": finding.about, "finding": finding.text })
        };
        let mut list = output::List::new(&[("", "level"), ("", "about"), ("", "finding")], form);
        list.add(&self.0.iter().map(view).collect::<Vec<_>>())?;
        list.finish()
    }
}
