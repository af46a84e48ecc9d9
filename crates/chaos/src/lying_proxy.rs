//! A lying proxy in front of a node: answers like a broken service or a caching gateway.
//!
//! It is a control of the check: a run with it must end in findings. Each proxy gives one kind of false answer, so that
//! each kind is shown to be found. No other run has one.
//!
//! It reads whole HTTP messages, because an answer depends on its request, and answers some requests without passing
//! them on. The proxy of `testkit` moves bytes as they arrive, and can neither pair messages nor answer.

mod message;

use std::collections::HashSet;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};

use keyward_testkit::clock::RunClock;
use message::{Message, Reader};

/// A kind of false answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// A credential that was valid once stays valid.
    StaleValid,
    /// A revocation is acknowledged and never made.
    ForgottenRevocation,
    /// A valid key is reported as revoked.
    FalseRefusal,
}

/// Longer than any request of a run takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// Listens until it is dropped.
#[derive(Debug)]
pub(super) struct LyingProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    node: SocketAddr,
    lie: Lie,
    clock: RunClock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    over: bool,
    /// Both ends of every connection, to end them.
    open: Vec<TcpStream>,
    /// Requests that were answered "valid".
    valid: HashSet<Vec<u8>>,
    /// The number of false answers.
    lies: u64,
}

impl LyingProxy {
    /// Starts a proxy in front of this node.
    ///
    /// # Errors
    /// If no port is free, or no thread can be created.
    pub(super) fn before(node: SocketAddr, lie: Lie, clock: RunClock) -> Result<Self> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot find a free port for the lying proxy")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { node, lie, clock, state: Mutex::default() });
        let of_thread = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("lying_proxy".into()).spawn(move || of_thread.listen(&listener))?;
        Ok(Self { address, shared, thread: Some(thread) })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of false answers so far.
    pub(super) fn lies(&self) -> u64 {
        self.shared.lock().lies
    }
}

impl Drop for LyingProxy {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.over = true;
        for stream in &state.open {
            // The connection may have ended by itself.
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(state);
        // A last connection wakes the listening thread.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a thread per connection. There are as many connections as clients.
    fn listen(&self, listener: &TcpListener) {
        std::thread::scope(|scope| {
            for client in listener.incoming().map_while(io::Result::ok) {
                let mut state = self.lock();
                if state.over {
                    return;
                }
                let Ok(node) = TcpStream::connect(self.node) else { continue };
                state.open.extend([client.try_clone(), node.try_clone()].into_iter().flatten());
                drop(state);
                scope.spawn(move || self.relay(Reader::new(client), Reader::new(node)));
            }
        });
    }

    /// Relays messages until either side ends.
    fn relay(&self, mut client: Reader, mut node: Reader) -> Option<()> {
        loop {
            let question = client.read(self.clock, self.clock.now() + PATIENCE).ok()?;
            let answer = if self.lie == Lie::ForgottenRevocation && question.head.starts_with("DELETE ") {
                self.lock().lies += 1;
                NO_CONTENT.to_vec()
            } else {
                node.stream().write_all(&question.bytes()).ok()?;
                let truth = node.read(self.clock, self.clock.now() + PATIENCE).ok()?;
                self.lock().instead_of(&truth, self.lie, &question).map_or_else(|| truth.bytes(), <[u8]>::to_vec)
            };
            client.stream().write_all(&answer).ok()?;
        }
    }
}

impl State {
    /// The false answer to send instead, if any.
    fn instead_of(&mut self, truth: &Message, lie: Lie, question: &Message) -> Option<&'static [u8]> {
        let is_check = question.head.starts_with("POST /v1/verify ");
        let is_auth = question.head.starts_with("GET /v1/auth");
        let valid = is_valid(truth);
        let false_answer = match lie {
            Lie::StaleValid if valid && is_auth => {
                self.valid.insert(question.bytes());
                None
            }
            Lie::StaleValid => (is_auth && !valid && self.valid.contains(&question.bytes())).then_some(NO_CONTENT),
            Lie::FalseRefusal => (is_check && valid).then_some(REVOKED),
            Lie::ForgottenRevocation => None,
        };
        self.lies += u64::from(false_answer.is_some());
        false_answer
    }
}

const NO_CONTENT: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
const REVOKED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 32\r\n\r\n\
    {\"valid\":false,\"code\":\"REVOKED\"}";

fn is_valid(answer: &Message) -> bool {
    let verdict = String::from_utf8_lossy(&answer.body);
    answer.head.starts_with("HTTP/1.1 204 ") || verdict.contains("\"valid\":true")
}
