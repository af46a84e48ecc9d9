//! A wire of TCP between a node and its Postgres, whose weather can be changed while it is in use: what a broken
//! network does and no server could.
//!
//! One thread, so many connections at the most, on loopback only. It ends, and everything that runs through it, when it
//! is dropped. It never looks at what passes.

mod pipe;
mod relay;
#[cfg(test)]
mod tests;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::clock::Clock;
use relay::Relay;

/// Which way: from the node to its database, or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Up,
    Down,
    Both,
}

/// What becomes of what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    /// It arrives.
    Fair,
    /// It arrives later.
    Delay { up: Duration, down: Duration },
    /// All connections are reset, and new ones are too.
    Cut,
    /// It is accepted and arrives nowhere. When that is over, either what was kept back arrives after all, as with a
    /// network that sends it again, or it is lost, and so is the connection.
    HalfOpen { way: Way, kept: bool },
    /// It arrives at 1 kB/s.
    Slow,
}

impl Weather {
    /// Whether this way leads nowhere.
    fn swallows(self, way: Way) -> bool {
        matches!(self, Self::HalfOpen { way: it, .. } if it == way || it == Way::Both)
    }

    /// Whether what is swallowed arrives later on.
    const fn keeps(self) -> bool {
        !matches!(self, Self::HalfOpen { kept: false, .. })
    }

    /// How much later something arrives.
    const fn delay(self, way: Way) -> Duration {
        match (self, way) {
            (Self::Delay { up, .. }, Way::Up) => up,
            (Self::Delay { down, .. }, Way::Down) => down,
            _ => Duration::ZERO,
        }
    }
}

/// A wire in use.
#[derive(Debug)]
pub(super) struct Proxy {
    address: SocketAddr,
    control: Arc<Control>,
    /// A byte in it wakes the thread.
    waker: UnixStream,
    thread: Option<JoinHandle<()>>,
}

/// What is wanted, and what is so by now.
#[derive(Debug)]
struct Control {
    state: Mutex<State>,
    applied: Condvar,
}

#[derive(Clone, Copy, Debug)]
struct State {
    server: SocketAddr,
    weather: Weather,
    /// Counts the changes.
    wanted: u64,
    applied: u64,
    over: bool,
}

impl Proxy {
    /// A wire to this server, with fair weather.
    ///
    /// # Errors
    /// When there is no free port, or no more threads.
    pub(super) fn to(server: SocketAddr, clock: Clock) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot find a free port for a proxy")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (waker, woken) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        let state = State { server, weather: Weather::Fair, wanted: 0, applied: 0, over: false };
        let control = Arc::new(Control { state: Mutex::new(state), applied: Condvar::new() });
        let relay = Relay::new(listener, server, clock);
        let seen = Arc::clone(&control);
        let thread = std::thread::Builder::new().name("proxy".into()).spawn(move || seen.run(relay, &woken))?;
        Ok(Self { address, control, waker, thread: Some(thread) })
    }

    /// Where it is to be found.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the weather; returns when it has changed. What was sent before had the weather of before.
    pub(super) fn set(&self, weather: Weather) {
        self.want(|state| state.weather = weather);
    }

    /// Leads new connections to another server; returns when it does.
    pub(super) fn lead_to(&self, server: SocketAddr) {
        self.want(|state| state.server = server);
    }

    fn want(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.control.lock();
        change(&mut state);
        state.wanted += 1;
        let wanted = state.wanted;
        drop(state);
        self.wake();
        let state = self.control.lock();
        // A thread that ended in a panic applies nothing; it is joined, and its panic passed on, by the drop.
        let changed = |state: &mut State| state.applied < wanted && !state.over;
        drop(self.control.applied.wait_while(state, changed).unwrap_or_else(PoisonError::into_inner));
    }

    fn wake(&self) {
        // It fails when the thread has ended, or the pipe is full of reasons to wake.
        let _ = (&self.waker).write(&[0]);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.control.lock().over = true;
        self.wake();
        if let Some(thread) = self.thread.take() {
            // A panic has been printed; a second one here would hide it.
            let _ = thread.join();
        }
    }
}

impl Control {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread: moves bytes until it is over.
    fn run(&self, mut relay: Relay, woken: &UnixStream) {
        let _ended = Ended(self);
        loop {
            let state = *self.lock();
            if state.over {
                return;
            }
            if state.applied < state.wanted {
                relay.lead_to(state.server);
                relay.change(state.weather);
                self.lock().applied = state.wanted;
                self.applied.notify_all();
            }
            relay.wait_and_move(woken);
            drain(woken);
        }
    }
}

/// However the thread ends, nobody waits for it.
struct Ended<'a>(&'a Control);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.lock().over = true;
        self.0.applied.notify_all();
    }
}

/// Reads every reason to wake; there may be none.
fn drain(mut woken: &UnixStream) {
    let mut bytes = [0; 64];
    while woken.read(&mut bytes).is_ok_and(|read| read == bytes.len()) {}
}
