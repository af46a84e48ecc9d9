//! How large a file this process may make (`ulimit -f`). What meets the limit fails as on a full disk, and says so.
//!
//! Otherwise the operating system ends the process without a word. Never raises the limit.

use std::io;

use anyhow::{Context as _, Result};
use rustix::process::{Resource, Signal, getrlimit};
use tokio::signal::unix::{SignalKind, signal};

/// What SQLite says of a write that failed for any reason but a full disk.
const FAILED_WRITE: &str = "disk I/O error";

/// From now on a write beyond the limit fails, and ends nothing.
pub(crate) fn outlive_the_limit() -> Result<()> {
    // A signal that was listened to once never ends the process again: the runtime is for this call alone.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let runtime = runtime.context("the operating system gives nothing to listen to signals with")?;
    let _inside = runtime.enter();
    signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).map(|_| ()).context("cannot listen to signals")
}

/// What is wrong with the limit, if there is one.
pub(crate) fn warning() -> Option<String> {
    getrlimit(Resource::Fsize).current.map(|most| {
        format!(
            "no file of this process may have more than {most} bytes: what is written beyond them fails or is lost, be \
             it of the database or the log; take the limit away (ulimit -f, LimitFSIZE)"
        )
    })
}

/// The same beside an error that may come from it.
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
