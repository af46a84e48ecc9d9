//! What a supervisor hears: that the service answers, reads its settings again, or stops (`sd_notify`, systemd's
//! protocol).
//!
//! Says nothing where there is no supervisor. It never listens to one: signals do that.

use std::io;

use sd_notify::{NotifyState, notify};

/// The service answers from now on.
pub(crate) fn ready() {
    say(|| notify(&[NotifyState::Ready]));
}

/// Settings are read again; [`ready`] follows.
pub(crate) fn reloading() {
    // Supervisors that know this state end a service that leaves the time out.
    say(|| notify(&[NotifyState::Reloading, NotifyState::monotonic_usec_now()?]));
}

/// The service finishes what runs, and then ends.
pub(crate) fn stopping() {
    say(|| notify(&[NotifyState::Stopping]));
}

/// A supervisor that does not hear is no reason to fail: it decides by itself what to do about that.
fn say(what: impl FnOnce() -> io::Result<()>) {
    if let Err(error) = what() {
        tracing::warn!(error = &error as &dyn std::error::Error, "the supervisor at NOTIFY_SOCKET cannot be reached");
    }
}
