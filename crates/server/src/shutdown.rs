//! The signals that a server hears: the first that ends it asks it to finish, the second does not ask; a hang-up ends
//! nothing.

use std::process;

use anyhow::{Context as _, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::telemetry;

/// How somebody asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// SIGTERM, from a supervisor: others may have to notice first.
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
    /// From now on they no longer end the process by themselves.
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

    /// Waits for another one and ends the process there and then. What was acknowledged is safe in the database.
    pub(crate) async fn insist(&mut self) -> ! {
        self.next().await;
        tracing::warn!("asked to stop a second time: stopping at once");
        telemetry::finish();
        process::exit(1)
    }
}

/// SIGHUP. From now on it no longer ends the process: it means that what can be read again is.
pub(crate) fn hangups() -> Result<Signal> {
    signal(SignalKind::hangup()).context("cannot listen to signals")
}
