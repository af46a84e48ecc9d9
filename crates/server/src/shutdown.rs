//! Signals of a server: the first stop signal makes it finish, the second ends it immediately; a hang-up ends nothing.

use std::process;

use anyhow::{Context as _, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::telemetry;

/// Which signal requested the stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// SIGTERM, from a supervisor: load balancers may have to notice first.
    Terminate,
    /// SIGINT, from a person.
    Interrupt,
}

/// SIGTERM and SIGINT.
pub(crate) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Starts listening: they no longer end the process by themselves.
    pub(crate) fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen to signals");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Stop {
        tokio::select! {
            _ = self.terminate.recv() => Stop::Terminate,
            _ = self.interrupt.recv() => Stop::Interrupt,
        }
    }

    /// Waits for another one and ends the process immediately. Acknowledged changes are safe in the database.
    pub(crate) async fn insist(&mut self) -> ! {
        self.next().await;
        tracing::warn!("asked to stop a second time: stopping immediately");
        telemetry::finish();
        process::exit(1)
    }
}

/// SIGHUP, which reloads what can be read again. It no longer ends the process by itself.
pub(crate) fn hangups() -> Result<Signal> {
    signal(SignalKind::hangup()).context("cannot listen to signals")
}
