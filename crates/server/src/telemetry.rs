//! The log: one line an event on standard error, for people or as JSON.
//!
//! It decides on format and amount, never on content: a secret must not reach an event in the first place, and secret
//! types print as `[REDACTED]`. A server never waits for the reader of its output.

use std::{
    io::{self, IsTerminal as _, Write},
    panic::PanicHookInfo,
    sync::OnceLock,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use serde_json::json;
use tracing_subscriber::{
    EnvFilter, fmt,
    fmt::{
        format::Writer,
        time::{FormatTime as _, SystemTime},
    },
};

use crate::config::{Format, Log};

mod outlet;

use outlet::Outlet;

/// Commands log failures only, unless configured otherwise.
const FOR_COMMANDS: &str = "warn";
/// Maximum time that a stopping server waits for its last lines to be read.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The output of a server; unset in a command.
static OUTPUT: OnceLock<Output> = OnceLock::new();

struct Output {
    log: Outlet,
    out: Outlet,
    is_json: bool,
}

/// Changes the filter of a server's log.
pub(crate) struct Filter(Box<dyn Fn(EnvFilter) -> Result<()> + Send + Sync>);

/// Starts the log of a server.
pub(crate) fn start(log: &Log) -> Result<Filter> {
    let on_terminal = io::stderr().is_terminal();
    let is_json = is_json(log.format, on_terminal);
    let output = || -> io::Result<Output> {
        let log = Outlet::to(io::stderr(), move |lost| {
            let message = format!("lost {lost} lines of the log: standard error was full, or was not read");
            line(is_json, "WARN", &message, None)
        })?;
        Ok(Output { log, out: Outlet::to(io::stdout(), |_| String::new())?, is_json })
    };
    OUTPUT
        .set(output().context("the operating system cannot create a thread")?)
        .map_err(|_| anyhow!("started twice"))?;
    std::panic::set_hook(Box::new(log_panic));
    let events =
        fmt().with_writer(|| ToLog).log_internal_errors(false).with_env_filter(EnvFilter::try_new(&log.filter)?);
    if is_json {
        let events = events.json().flatten_event(true).with_current_span(true).with_span_list(false);
        let events = events.with_filter_reloading();
        let filter = events.reload_handle();
        begun(events.try_init())?;
        Ok(Filter(Box::new(move |other| Ok(filter.reload(other)?))))
    } else {
        let events = events.with_ansi(on_terminal && has_colours()).with_filter_reloading();
        let filter = events.reload_handle();
        begun(events.try_init())?;
        Ok(Filter(Box::new(move |other| Ok(filter.reload(other)?))))
    }
}

/// Starts the log of a command.
pub(crate) fn start_quietly(log: &Log) -> Result<()> {
    let on_terminal = io::stderr().is_terminal();
    let filter = if log.is_default() { FOR_COMMANDS } else { &log.filter };
    // A line that cannot be written does not interrupt a command.
    let events = fmt().with_writer(io::stderr).log_internal_errors(false).with_env_filter(EnvFilter::try_new(filter)?);
    begun(if is_json(log.format, on_terminal) {
        events.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    } else {
        events.with_ansi(on_terminal && has_colours()).try_init()
    })
}

/// Whether the terminal can and may use colours (`TERM`, `NO_COLOR`), decided as clap does for the help.
fn has_colours() -> bool {
    anstyle_query::term_supports_ansi_color() && !anstyle_query::no_color()
}

impl Filter {
    /// Replaces the filter by that of these settings.
    pub(crate) fn replace(&self, log: &Log) -> Result<()> {
        (self.0)(EnvFilter::try_new(&log.filter)?)
    }
}

/// Prints a line on standard output, for the person who started the server. The server serves even if it is not read.
pub(crate) fn print_line(text: &str) {
    if let Some(output) = OUTPUT.get() {
        return output.out.queue(format!("{text}\n").as_bytes());
    }
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Prints a line on standard error, for a person. The last output of a process.
pub(crate) fn print_error(text: &str) {
    match OUTPUT.get() {
        Some(output) => output.log.queue(format!("{text}\n").as_bytes()),
        None => {
            let _ = writeln!(io::stderr(), "{text}");
        }
    }
}

/// Waits briefly for pending output to be written. Call it before the process ends.
pub(crate) fn finish() {
    if let Some(output) = OUTPUT.get() {
        output.log.flush(LAST_LINES);
        output.out.flush(LAST_LINES);
    }
}

/// Receives the events of a server.
struct ToLog;

impl Write for ToLog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(output) = OUTPUT.get() {
            output.log.queue(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn begun<E: std::fmt::Display>(begun: Result<(), E>) -> Result<()> {
    begun.map_err(|error| anyhow!("{error}"))
}

const fn is_json(format: Format, on_terminal: bool) -> bool {
    match format {
        Format::Json => true,
        Format::Human => false,
        Format::Auto => !on_terminal,
    }
}

/// A panic is an internal defect: it is logged like every other line, not between lines. It may have happened inside
/// the log, whose locks may be held: so this function writes its line itself, and nothing in it can panic.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let Some(output) = OUTPUT.get() else { return };
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let message = format!("a defect: panicked at {place}: {}", panic.payload_as_str().unwrap_or("no message"));
    output.log.queue(line(output.is_json, "ERROR", &message, Some(&place)).as_bytes());
}

/// A line in the format of events.
fn line(is_json: bool, level: &str, message: &str, place: Option<&str>) -> String {
    let (mut timestamp, target) = (String::new(), module_path!());
    // A failing clock leaves it empty.
    let _ = SystemTime.format_time(&mut Writer::new(&mut timestamp));
    if !is_json {
        return format!("{timestamp} {level:>5} {target}: {message}\n");
    }
    let mut line = json!({ "timestamp": timestamp, "level": level, "message": message, "target": target });
    if let Some(place) = place {
        line["place"] = place.into();
    }
    format!("{line}\n")
}

#[cfg(test)]
mod tests {
    //! Which format is chosen, and that lines written here have the format of the others.
    use serde_json::Value;

    use super::*;

    #[test]
    fn auto_is_text_on_a_terminal_and_json_elsewhere() {
        assert!(is_json(Format::Auto, false) && !is_json(Format::Auto, true));
        assert!(is_json(Format::Json, true) && !is_json(Format::Human, false));
    }

    #[test]
    fn a_line_written_here_is_one_line_in_either_format() {
        let json: Value = serde_json::from_str(&line(true, "ERROR", "two\nlines \"quoted\"", Some("a.rs:1"))).unwrap();
        assert_eq!((&json["level"], &json["place"]), (&"ERROR".into(), &"a.rs:1".into()));
        assert_eq!(json["message"], "two\nlines \"quoted\"");
        assert!(json["timestamp"].as_str().is_some_and(|at| at.starts_with("20") && at.ends_with('Z')), "{json}");
        let human = line(false, "WARN", "lost", None);
        assert!(human.ends_with("  WARN keyward::telemetry: lost\n"), "{human}");
    }
}
