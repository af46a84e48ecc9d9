//! The connections of a proxy, and one round of moving bytes between their two sides.
//!
//! All sockets are non-blocking, so that no connection delays another one or a change of the network.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::set_socket_linger;

use super::notification_filter::NotificationFilter;
use super::pipe::Pipe;
use super::{Network, Way};
use crate::clock::{Moment, RunClock};

/// Maximum number of connections; further ones are reset. A node has a pool of sixteen and a few more.
const MOST: usize = 128;

/// All connections of one proxy.
pub(super) struct Relay {
    listener: TcpListener,
    server: SocketAddr,
    clock: RunClock,
    network: Network,
    /// Whether notifications are dropped.
    drops_notifications: bool,
    connections: Vec<Connection>,
}

/// A client's connection, and the one to the server for it.
struct Connection {
    near: TcpStream,
    far: TcpStream,
    up: Pipe,
    down: Pipe,
    /// Present if notifications are dropped.
    filter: Option<NotificationFilter>,
}

/// Which sockets of a connection have data to read.
#[derive(Clone, Copy, Default)]
struct Readable {
    near: bool,
    far: bool,
}

impl Relay {
    pub(super) fn new(listener: TcpListener, server: SocketAddr, drops_notifications: bool) -> Self {
        let clock = RunClock::start();
        Self { listener, server, clock, network: Network::Healthy, drops_notifications, connections: Vec::new() }
    }

    /// Sends new connections to this server.
    pub(super) const fn lead_to(&mut self, server: SocketAddr) {
        self.server = server;
    }

    /// Changes the network for bytes that are sent from now on.
    pub(super) fn change(&mut self, network: Network) {
        // Bytes that have arrived were sent earlier.
        let readable = vec![Readable { near: true, far: true }; self.connections.len()];
        self.accept();
        self.move_bytes(&readable);
        let now = self.clock.now();
        self.network = network;
        let keep = |connection: &Connection| {
            network != Network::Cut
                && (network.swallows(Way::Up) || network.swallows(Way::Down) || !connection.has_lost())
        };
        let (kept, cut) = std::mem::take(&mut self.connections).into_iter().partition(keep);
        self.connections = kept;
        let cut: Vec<Connection> = cut;
        for connection in cut {
            connection.reset();
        }
        for connection in &mut self.connections {
            connection.up.hurry(now);
            connection.down.hurry(now);
        }
    }

    /// Waits until bytes can be read or are due, or until it is woken. Then moves them.
    pub(super) fn wait_and_move(&mut self, woken: &UnixStream) {
        let (readable, is_new_connection) = self.wait(woken);
        if is_new_connection {
            self.accept();
        }
        self.move_bytes(&readable);
    }

    fn wait(&self, woken: &UnixStream) -> (Vec<Readable>, bool) {
        let mut fds = vec![PollFd::new(woken, PollFlags::IN), PollFd::new(&self.listener, PollFlags::IN)];
        let mut owners = Vec::new();
        let now = self.clock.now();
        let mut next: Option<Moment> = None;
        for (place, it) in self.connections.iter().enumerate() {
            // Omits a socket that is not read: its end would wake the thread forever.
            for (socket, from, to, near) in [(&it.near, &it.up, &it.down, true), (&it.far, &it.down, &it.up, false)] {
                let mut flags = PollFlags::empty();
                flags.set(PollFlags::IN, from.wants_more());
                flags.set(PollFlags::OUT, to.ready(self.network, now).is_some());
                if !flags.is_empty() {
                    fds.push(PollFd::new(socket, flags));
                    owners.push((place, near));
                }
                let later = to.due(self.network).filter(|due| *due > now);
                next = [next, later].into_iter().flatten().min();
            }
        }
        let limit = next.map(|next| next.since(now)).and_then(|limit| Timespec::try_from(limit).ok());
        let mut readable = vec![Readable::default(); self.connections.len()];
        // Interrupted, or out of memory: the next round tries again.
        if poll(&mut fds, limit.as_ref()).is_err() {
            return (readable, false);
        }
        let hot = PollFlags::IN | PollFlags::HUP | PollFlags::ERR;
        let is_new_connection = fds.get(1).is_some_and(|listener| listener.revents().intersects(hot));
        for ((place, near), fd) in owners.into_iter().zip(fds.iter().skip(2)) {
            if fd.revents().intersects(hot) {
                if near {
                    readable[place].near = true;
                } else {
                    readable[place].far = true;
                }
            }
        }
        (readable, is_new_connection)
    }

    fn accept(&mut self) {
        while let Ok((near, _)) = self.listener.accept() {
            let far = if self.network == Network::Cut || self.connections.len() >= MOST {
                None
            } else {
                TcpStream::connect_timeout(&self.server, Duration::from_secs(1)).ok()
            };
            let Some(far) = far else {
                reset(&near);
                continue;
            };
            let prepared = [&near, &far].into_iter().try_for_each(|socket| {
                socket.set_nonblocking(true)?;
                socket.set_nodelay(true)
            });
            if prepared.is_ok() {
                let (up, down) = (Pipe::new(Way::Up), Pipe::new(Way::Down));
                let filter = self.drops_notifications.then(NotificationFilter::default);
                self.connections.push(Connection { near, far, up, down, filter });
            }
        }
    }

    fn move_bytes(&mut self, readable: &[Readable]) {
        let (network, clock) = (self.network, self.clock);
        let mut place = 0;
        self.connections.retain_mut(|connection| {
            // Connections accepted in this round are not readable yet.
            let readable = readable.get(place).copied().unwrap_or_default();
            place += 1;
            let moved = connection.move_bytes(readable, network, clock);
            if moved.is_err() {
                connection.reset();
            }
            moved.is_ok() && !connection.is_over()
        });
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        for connection in &self.connections {
            connection.reset();
        }
    }
}

impl Connection {
    fn move_bytes(&mut self, readable: Readable, network: Network, clock: RunClock) -> io::Result<()> {
        let Self { near, far, up, down, filter } = self;
        let sides = [(readable.near, &*near, up, &*far, None), (readable.far, &*far, down, &*near, filter.as_mut())];
        for (readable, from, pipe, to, filter) in sides {
            if readable && pipe.wants_more() {
                fill(pipe, from, filter, network, clock.now())?;
            }
            flush(pipe, to, network, clock.now())?;
            if pipe.is_at_its_end(network) {
                pipe.close();
                to.shutdown(Shutdown::Write)?;
            }
        }
        Ok(())
    }

    fn has_lost(&self) -> bool {
        self.up.has_lost() || self.down.has_lost()
    }

    fn is_over(&self) -> bool {
        self.up.is_closed() && self.down.is_closed()
    }

    fn reset(&self) {
        reset(&self.near);
        reset(&self.far);
    }
}

/// Makes closing a socket send a reset instead of an end.
fn reset(socket: &TcpStream) {
    // It may have ended by itself.
    let _ = set_socket_linger(socket, Some(Duration::ZERO));
}

fn fill(
    pipe: &mut Pipe,
    mut from: &TcpStream,
    filter: Option<&mut NotificationFilter>,
    network: Network,
    now: Moment,
) -> io::Result<()> {
    let mut bytes = [0; 16 * 1024];
    match (from.read(&mut bytes), filter) {
        (Ok(read), Some(filter)) if read > 0 => {
            let passed = filter.pass(&bytes[..read])?;
            // An empty piece would be the end.
            if !passed.is_empty() {
                pipe.take(&passed, network, now);
            }
        }
        (Ok(read), _) => pipe.take(&bytes[..read], network, now),
        (Err(error), _) if is_passing(&error) => {}
        (Err(error), _) => return Err(error),
    }
    Ok(())
}

fn flush(pipe: &mut Pipe, mut to: &TcpStream, network: Network, now: Moment) -> io::Result<()> {
    while let Some(ready) = pipe.ready(network, now) {
        match to.write(ready) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => pipe.gone(count),
            Err(error) if is_passing(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
