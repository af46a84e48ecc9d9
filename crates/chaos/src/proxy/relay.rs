//! The connections of a wire, and one turn of moving bytes between their two sides.
//!
//! All sockets are non-blocking, so that no connection holds up another or a change of the weather.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::set_socket_linger;

use super::pipe::Pipe;
use super::{Way, Weather};
use crate::clock::{Clock, Moment};

/// Connections at once; further ones are reset. A node has a pool of sixteen and a few of its own.
const MOST: usize = 128;

/// Everything that runs through one wire.
pub(super) struct Relay {
    listener: TcpListener,
    server: SocketAddr,
    clock: Clock,
    weather: Weather,
    connections: Vec<Connection>,
}

/// A node's connection, and ours to the server in its name.
struct Connection {
    near: TcpStream,
    far: TcpStream,
    up: Pipe,
    down: Pipe,
}

/// Which sockets of a connection something can be read from.
#[derive(Clone, Copy, Default)]
struct Readable {
    near: bool,
    far: bool,
}

impl Relay {
    pub(super) const fn new(listener: TcpListener, server: SocketAddr, clock: Clock) -> Self {
        Self { listener, server, clock, weather: Weather::Fair, connections: Vec::new() }
    }

    /// Leads new connections there.
    pub(super) const fn lead_to(&mut self, server: SocketAddr) {
        self.server = server;
    }

    /// Changes the weather for what is sent from now on.
    pub(super) fn change(&mut self, weather: Weather) {
        // What is there already was sent before.
        let readable = vec![Readable { near: true, far: true }; self.connections.len()];
        self.accept();
        self.move_bytes(&readable);
        let now = self.clock.now();
        self.weather = weather;
        let keep = |connection: &Connection| {
            weather != Weather::Cut
                && (weather.swallows(Way::Up) || weather.swallows(Way::Down) || !connection.has_lost())
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

    /// Waits until something can be read or is due, or somebody wakes us, and moves it.
    pub(super) fn wait_and_move(&mut self, woken: &UnixStream) {
        let (readable, knock) = self.wait(woken);
        if knock {
            self.accept();
        }
        self.move_bytes(&readable);
    }

    fn wait(&self, woken: &UnixStream) -> (Vec<Readable>, bool) {
        let mut fds = vec![PollFd::new(woken, PollFlags::IN), PollFd::new(&self.listener, PollFlags::IN)];
        let mut whose = Vec::new();
        let now = self.clock.now();
        let mut next: Option<Moment> = None;
        for (place, it) in self.connections.iter().enumerate() {
            // A socket that we want nothing of is left out: that it has ended would wake us for ever.
            for (socket, from, to, near) in [(&it.near, &it.up, &it.down, true), (&it.far, &it.down, &it.up, false)] {
                let mut flags = PollFlags::empty();
                flags.set(PollFlags::IN, from.wants_more());
                flags.set(PollFlags::OUT, to.ready(self.weather, now).is_some());
                if !flags.is_empty() {
                    fds.push(PollFd::new(socket, flags));
                    whose.push((place, near));
                }
                let later = to.due(self.weather).filter(|due| *due > now);
                next = [next, later].into_iter().flatten().min();
            }
        }
        let limit = next.map(|next| next.since(now)).and_then(|limit| Timespec::try_from(limit).ok());
        let mut readable = vec![Readable::default(); self.connections.len()];
        // Interrupted, or out of memory: the next turn tries again.
        if poll(&mut fds, limit.as_ref()).is_err() {
            return (readable, false);
        }
        let hot = PollFlags::IN | PollFlags::HUP | PollFlags::ERR;
        let knock = fds.get(1).is_some_and(|listener| listener.revents().intersects(hot));
        for ((place, near), fd) in whose.into_iter().zip(fds.iter().skip(2)) {
            if fd.revents().intersects(hot) {
                if near {
                    readable[place].near = true;
                } else {
                    readable[place].far = true;
                }
            }
        }
        (readable, knock)
    }

    fn accept(&mut self) {
        while let Ok((near, _)) = self.listener.accept() {
            let far = if self.weather == Weather::Cut || self.connections.len() >= MOST {
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
                self.connections.push(Connection { near, far, up, down });
            }
        }
    }

    fn move_bytes(&mut self, readable: &[Readable]) {
        let (weather, clock) = (self.weather, self.clock);
        let mut place = 0;
        self.connections.retain_mut(|connection| {
            // Those that were accepted in this very turn have nothing to read yet.
            let readable = readable.get(place).copied().unwrap_or_default();
            place += 1;
            let moved = connection.move_bytes(readable, weather, clock);
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
    fn move_bytes(&mut self, readable: Readable, weather: Weather, clock: Clock) -> io::Result<()> {
        let Self { near, far, up, down } = self;
        for (readable, from, pipe, to) in [(readable.near, &*near, up, &*far), (readable.far, &*far, down, &*near)] {
            if readable && pipe.wants_more() {
                fill(pipe, from, weather, clock.now())?;
            }
            flush(pipe, to, weather, clock.now())?;
            if pipe.is_at_its_end(weather) {
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

/// Makes the closing of it a reset: nobody hears a goodbye.
fn reset(socket: &TcpStream) {
    // It may have ended by itself.
    let _ = set_socket_linger(socket, Some(Duration::ZERO));
}

fn fill(pipe: &mut Pipe, mut from: &TcpStream, weather: Weather, now: Moment) -> io::Result<()> {
    let mut bytes = [0; 16 * 1024];
    match from.read(&mut bytes) {
        Ok(read) => pipe.take(&bytes[..read], weather, now),
        Err(error) if is_passing(&error) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

fn flush(pipe: &mut Pipe, mut to: &TcpStream, weather: Weather, now: Moment) -> io::Result<()> {
    while let Some(ready) = pipe.ready(weather, now) {
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
