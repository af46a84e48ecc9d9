//! A relay in front of a server that acts like a broken network: it delays, cuts, swallows and slows data.
//!
//! Has one thread and a limited number of connections, on loopback only. Dropping it ends all connections. It does not
//! interpret data, except to drop notifications of Postgres on request.

mod notification_filter;
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

use relay::Relay;

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
    /// In both directions.
    Both,
}

/// The state of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Data arrives.
    Healthy,
    /// Data arrives later.
    Delay {
        /// Delay to the server.
        up: Duration,
        /// Delay to the client.
        down: Duration,
    },
    /// Open and new connections are reset.
    Cut,
    /// Data is accepted and does not arrive.
    HalfOpen {
        /// The affected direction.
        way: Way,
        /// Whether the data arrives afterwards, as if the network sent it again. Otherwise it is lost, and the
        /// connection ends.
        kept: bool,
    },
    /// Data arrives at 1 kB/s.
    Slow,
}

impl Network {
    /// Whether no data arrives in this direction.
    fn swallows(self, way: Way) -> bool {
        matches!(self, Self::HalfOpen { way: it, .. } if it == way || it == Way::Both)
    }

    /// Whether swallowed data arrives later.
    const fn keeps(self) -> bool {
        !matches!(self, Self::HalfOpen { kept: false, .. })
    }

    /// The delay in this direction.
    const fn delay(self, way: Way) -> Duration {
        match (self, way) {
            (Self::Delay { up, .. }, Way::Up) => up,
            (Self::Delay { down, .. }, Way::Down) => down,
            _ => Duration::ZERO,
        }
    }
}

/// The relay. Dropping it ends its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    control: Arc<Control>,
    /// Writing a byte wakes the thread.
    waker: UnixStream,
    thread: Option<JoinHandle<()>>,
}

/// The requested state, and how much of it is applied.
#[derive(Debug)]
struct Control {
    state: Mutex<State>,
    applied: Condvar,
}

#[derive(Clone, Copy, Debug)]
struct State {
    server: SocketAddr,
    network: Network,
    /// Number of requested changes.
    wanted: u64,
    applied: u64,
    over: bool,
}

impl Proxy {
    /// Starts a relay to this server, with a healthy network.
    ///
    /// # Errors
    /// If no port is free, or no thread can be created.
    pub fn to(server: SocketAddr) -> Result<Self> {
        Self::start(server, false)
    }

    /// Starts a relay to this Postgres that drops notifications, like a pooler.
    ///
    /// # Errors
    /// If no port is free, or no thread can be created.
    pub fn without_notifications(server: SocketAddr) -> Result<Self> {
        Self::start(server, true)
    }

    fn start(server: SocketAddr, drops_notifications: bool) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot find a free port for a proxy")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (waker, woken) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        let state = State { server, network: Network::Healthy, wanted: 0, applied: 0, over: false };
        let control = Arc::new(Control { state: Mutex::new(state), applied: Condvar::new() });
        let relay = Relay::new(listener, server, drops_notifications);
        let seen = Arc::clone(&control);
        let thread = std::thread::Builder::new().name("proxy".into()).spawn(move || seen.run(relay, &woken))?;
        Ok(Self { address, control, waker, thread: Some(thread) })
    }

    /// The address on which it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the network. Returns when the change is applied. It does not affect data that was sent earlier.
    pub fn set(&self, network: Network) {
        self.want(|state| state.network = network);
    }

    /// Ends all connections, and then accepts new ones.
    pub fn cut(&self) {
        self.set(Network::Cut);
        self.set(Network::Healthy);
    }

    /// Sends new connections to another server. Returns when the change is applied.
    pub fn lead_to(&self, server: SocketAddr) {
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
        // After a panic of the thread nothing is applied. Dropping the relay joins it and passes the panic on.
        let changed = |state: &mut State| state.applied < wanted && !state.over;
        drop(self.control.applied.wait_while(state, changed).unwrap_or_else(PoisonError::into_inner));
    }

    fn wake(&self) {
        // It fails if the thread has ended, or if the pipe is full and wakes the thread anyway.
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

    /// The thread: moves bytes until the relay is dropped.
    fn run(&self, mut relay: Relay, woken: &UnixStream) {
        let _ended = Ended(self);
        loop {
            let state = *self.lock();
            if state.over {
                return;
            }
            if state.applied < state.wanted {
                relay.lead_to(state.server);
                relay.change(state.network);
                self.lock().applied = state.wanted;
                self.applied.notify_all();
            }
            relay.wait_and_move(woken);
            drain(woken);
        }
    }
}

/// Marks the end of the thread in every case, so that no caller waits for it.
struct Ended<'a>(&'a Control);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.lock().over = true;
        self.0.applied.notify_all();
    }
}

/// Reads all bytes that wake the thread, if any.
fn drain(mut woken: &UnixStream) {
    let mut bytes = [0; 64];
    while woken.read(&mut bytes).is_ok_and(|read| read == bytes.len()) {}
}
