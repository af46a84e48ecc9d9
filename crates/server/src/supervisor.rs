//! Notifies a supervisor: the service answers, reloads its settings, or stops (`sd_notify`, systemd's protocol).
//!
//! Does nothing without a supervisor. Never receives from one: signals do that.

use std::io;

use sd_notify::{NotifyState, notify};

/// The service answers from now on.
pub(crate) fn ready() {
    send(|| notify(&[NotifyState::Ready]));
}

/// Settings are reloaded; [`ready`] follows.
pub(crate) fn reloading() {
    // Supervisors that know this state end a service that omits the time.
    send(|| notify(&[NotifyState::Reloading, NotifyState::monotonic_usec_now()?]));
}

/// The service finishes pending work, and then ends.
pub(crate) fn stopping() {
    send(|| notify(&[NotifyState::Stopping]));
}

/// A failed notification is no error: the supervisor decides what to do about it.
fn send(what: impl FnOnce() -> io::Result<()>) {
    if let Err(error) = what() {
        tracing::warn!(error = &error as &dyn std::error::Error, "the supervisor at NOTIFY_SOCKET cannot be reached");
    }
}
