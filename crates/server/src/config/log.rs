//! Section `log`: which events are logged, and in which format.

use std::str::FromStr as _;

use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use super::{
    reader::{Quotable, Reader},
    values::{self, Parsed},
};

/// The default of `log.filter`.
const FILTER: &str = "info";

/// Settings of the log.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    /// Format of lines.
    pub(crate) format: Format,
    /// Which events are logged, in the syntax of tracing's `EnvFilter`.
    pub(crate) filter: String,
}

/// Format of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// Text for people.
    Human,
    /// One JSON object a line.
    Json,
}

impl Quotable for Format {}

impl Log {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            format: reader.read("log.format", format).unwrap_or(Format::Auto),
            filter: reader.read("log.filter", filter).unwrap_or_else(|| FILTER.to_owned()),
        }
    }

    /// Whether the filter is not set explicitly: commands then log less.
    pub(crate) fn is_default(&self) -> bool {
        self.filter == FILTER
    }
}

fn format(text: &str) -> Parsed<Format> {
    match text {
        "auto" => Ok(Format::Auto),
        "human" => Ok(Format::Human),
        "json" => Ok(Format::Json),
        _ => Err("auto, human or json"),
    }
}

/// The crates that emit our events.
const OURS: [&str; 6] =
    ["keyward", "keyward_api", "keyward_domain", "keyward_storage", "keyward_storage_sqlite", "keyward_verifier"];

/// A word that is not a level counts as a target, and an unknown target silences the whole log: `warning` does. So each
/// single word must be a level or one of our targets, and at least one directive must concern our own events.
fn filter(text: &str) -> Parsed<String> {
    const EXPECTED: &str =
        "a level (error, warn, info, debug, trace, off) or directives such as info,keyward_api=debug";
    let text = values::words(text).map_err(|_| EXPECTED)?;
    let is_level = |word: &str| LevelFilter::from_str(word).is_ok();
    let is_ours = |target: &str| OURS.contains(&target.split("::").next().unwrap_or_default());
    let mut speaks_of_us = false;
    for directive in text.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
        let target = directive.split(['=', '[']).next().unwrap_or_default().trim();
        let is_alone = target.len() == directive.len();
        let known = is_ours(target) || (is_alone && is_level(target));
        if (is_alone || target.starts_with("keyward")) && !known {
            return Err(EXPECTED);
        }
        speaks_of_us |= known;
    }
    if !speaks_of_us {
        return Err(EXPECTED);
    }
    EnvFilter::try_new(&text).map(|_| text).map_err(|_| EXPECTED)
}

#[cfg(test)]
mod tests {
    //! Which filters would silence the log by mistake.
    use super::*;

    #[test]
    fn a_filter_must_concern_our_own_events() {
        for text in [
            "info",
            "WARN",
            "off",
            "3",
            "info,keyward_api=debug",
            "keyward",
            "keyward_api::http=trace,hyper=warn",
            "info,sqlx=off",
            "info,[request]=debug",
            "keyward_api[request{id=1}]=debug",
        ] {
            assert_eq!(filter(text).as_deref(), Ok(text));
        }
        for text in
            ["warning", "information", "warning,info", "hyper=debug", "keyward_apy=debug", "info,keyward-api=debug"]
        {
            assert!(filter(text).is_err(), "{text}");
        }
    }
}
