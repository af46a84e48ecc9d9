//! The log: one line an event on standard error, for people or as JSON.
//!
//! It decides on form and amount, never on content: what is secret must not reach an event in the first place, and
//! secret types print as `[REDACTED]`.

use std::{
    io::{self, IsTerminal as _},
    panic::PanicHookInfo,
};

use anyhow::{Result, anyhow};
use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Format, Log};

/// Commands tell what went wrong, and nothing else unless asked.
const FOR_COMMANDS: &str = "warn";

/// Starts the log of a server.
pub(crate) fn start(log: &Log) -> Result<()> {
    begin(log.format, &log.filter)?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Starts the log of a command.
pub(crate) fn start_quietly(log: &Log) -> Result<()> {
    begin(log.format, if log.is_default() { FOR_COMMANDS } else { &log.filter })
}

fn begin(format: Format, filter: &str) -> Result<()> {
    let on_terminal = io::stderr().is_terminal();
    let events = fmt().with_writer(io::stderr).with_env_filter(EnvFilter::try_new(filter)?);
    let begun = if is_json(format, on_terminal) {
        events.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    } else {
        events.with_ansi(on_terminal).try_init()
    };
    begun.map_err(|error| anyhow!(error))
}

const fn is_json(format: Format, on_terminal: bool) -> bool {
    match format {
        Format::Json => true,
        Format::Human => false,
        Format::Auto => !on_terminal,
    }
}

/// A panic is a defect of ours: it belongs into the log like every other, not between its lines.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let message = panic.payload_as_str().unwrap_or("no message");
    tracing::error!(place, "a defect: panicked at {place}: {message}");
}

#[cfg(test)]
mod tests {
    //! Which form is chosen.
    use super::*;

    #[test]
    fn auto_is_for_people_only_where_people_are() {
        assert!(is_json(Format::Auto, false) && !is_json(Format::Auto, true));
        assert!(is_json(Format::Json, true) && !is_json(Format::Human, false));
    }
}
