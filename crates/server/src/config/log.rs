//! Section `log`: how much is told, and in which form.

use tracing_subscriber::EnvFilter;

use super::{
    reader::Reader,
    values::{self, Parsed},
};

/// The default of `log.filter`.
const FILTER: &str = "info";

/// The log.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    /// Its form.
    pub(crate) format: Format,
    /// Which events are told, in the language of tracing's `EnvFilter`.
    pub(crate) filter: String,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

impl Log {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            format: reader.read("log.format", format).unwrap_or(Format::Auto),
            filter: reader.read("log.filter", filter).unwrap_or_else(|| FILTER.to_owned()),
        }
    }

    /// Whether nobody chose what is told: commands then keep quiet.
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

fn filter(text: &str) -> Parsed<String> {
    const WANTS: &str = "a level (error, warn, info, debug, trace) or directives such as info,keyward_api=debug";
    let text = values::words(text).map_err(|_| WANTS)?;
    EnvFilter::try_new(&text).map(|_| text).map_err(|_| WANTS)
}
