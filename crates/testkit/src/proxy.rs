//! A relay in front of a server that does what a broken network does: it delays, cuts, swallows and slows what passes.
//!
//! One thread, a limited number of connections, on loopback only. Everything that runs through it ends when it is
//! dropped. It does not interpret what passes, except to leave out notifications of Postgres on request.

mod deaf;
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
    /// Either.
    Both,
}

/// The state of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// What is sent arrives.
    Healthy,
    /// It arrives later.
    Delay {
        /// How much, on the way to the server.
        up: Duration,
        /// How much, on the way back.
        down: Duration,
    },
    /// All connections are reset, and new ones too.
    Cut,
    /// It is accepted and does not arrive.
    HalfOpen {
        /// In which direction.
        way: Way,
        /// Whether it arrives afterwards, as if the network sent it again; otherwise it is lost, and so is the
        /// connection.
        kept: bool,
    },
    /// It arrives at 1 kB/s.
    Slow,
}

impl Network {
    /// Whether nothing arrives in this direction.
    fn swallows(self, way: Way) -> bool {
        matches!(self, Self::HalfOpen { way: it, .. } if it == way || it == Way::Both)
    }

    /// Whether what is swallowed arrives later.
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

/// The relay. Dropping it ends its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    control: Arc<Control>,
    /// A byte in it wakes the thread.
    waker: UnixStream,
    thread: Option<JoinHandle<()>>,
}

/// The requested state, and the state by now.
#[derive(Debug)]
struct Control {
    state: Mutex<State>,
    applied: Condvar,
}

#[derive(Clone, Copy, Debug)]
struct State {
    server: SocketAddr,
    network: Network,
    /// Counts the changes.
    wanted: u64,
    applied: u64,
    over: bool,
}

impl Proxy {
    /// In front of this server, with a healthy network.
    ///
    /// # Errors
    /// When there is no free port, or no more threads.
    pub fn to(server: SocketAddr) -> Result<Self> {
        Self::start(server, false)
    }

    /// In front of this Postgres, whose notifications do not arrive: as behind a pooler.
    ///
    /// # Errors
    /// When there is no free port, or no more threads.
    pub fn without_notifications(server: SocketAddr) -> Result<Self> {
        Self::start(server, true)
    }

    fn start(server: SocketAddr, is_deaf: bool) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot find a free port for a proxy")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (waker, woken) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        let state = State { server, network: Network::Healthy, wanted: 0, applied: 0, over: false };
        let control = Arc::new(Control { state: Mutex::new(state), applied: Condvar::new() });
        let relay = Relay::new(listener, server, is_deaf);
        let seen = Arc::clone(&control);
        let thread = std::thread::Builder::new().name("proxy".into()).spawn(move || seen.run(relay, &woken))?;
        Ok(Self { address, control, waker, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the network; returns when it has changed. What was sent before is treated as before.
    pub fn set(&self, network: Network) {
        self.want(|state| state.network = network);
    }

    /// Ends all connections, and accepts new ones.
    pub fn cut(&self) {
        self.set(Network::Cut);
        self.set(Network::Healthy);
    }

    /// Leads new connections to another server; returns when it does.
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
                relay.change(state.network);
                self.lock().applied = state.wanted;
                self.applied.notify_all();
            }
            relay.wait_and_move(woken);
            drain(woken);
        }
    }
}

/// However the thread ends, no one waits for it.
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
