//! The signals that end a server: the first asks it to finish, the second does not ask.

use std::process;

use anyhow::{Context as _, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM and SIGINT.
pub(crate) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// From now on they no longer end the process by themselves.
    pub(crate) fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen to signals");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Waits for another one and ends the process there and then. What was acknowledged is safe in the database.
    pub(crate) async fn insist(&mut self) -> ! {
        self.next().await;
        tracing::warn!("asked to stop a second time: stopping at once");
        process::exit(1)
    }
}

/// SIGHUP, with which certificates are read again.
pub(crate) fn hangups() -> Result<Signal> {
    signal(SignalKind::hangup()).context("cannot listen to signals")
}
