//! The file size limit of this process (`ulimit -f`). A write beyond it fails as on a full disk, with a message.
//!
//! By default the operating system ends the process without a message. Never raises the limit.

use std::io;

use anyhow::{Context as _, Result};
use rustix::process::{Resource, Signal, getrlimit};
use tokio::signal::unix::{SignalKind, signal};

/// SQLite's message about a write that failed for any reason except a full disk.
const FAILED_WRITE: &str = "disk I/O error";

/// Makes a write beyond the limit fail instead of ending the process.
pub(crate) fn outlive_the_limit() -> Result<()> {
    // A signal with a listener never ends the process again: the runtime is needed for this call only.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let runtime = runtime.context("the operating system gives nothing to listen to signals with")?;
    let _inside = runtime.enter();
    signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).map(|_| ()).context("cannot listen to signals")
}

/// A warning about the limit, if there is one.
pub(crate) fn warning() -> Option<String> {
    getrlimit(Resource::Fsize).current.map(|most| {
        format!(
            "no file of this process may have more than {most} bytes: what is written beyond them fails or is lost, be \
             it of the database or the log; take the limit away (ulimit -f, LimitFSIZE)"
        )
    })
}

/// Adds the warning to an error that the limit may have caused.
pub(crate) fn explain(error: anyhow::Error) -> anyhow::Error {
    let is_about_it = error.chain().any(|cause| {
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        kind == Some(io::ErrorKind::FileTooLarge) || cause.to_string().contains(FAILED_WRITE)
    });
    match warning().filter(|_| is_about_it) {
        Some(warning) => error.context(warning),
        None => error,
    }
}
