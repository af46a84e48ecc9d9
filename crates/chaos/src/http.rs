//! A client of HTTP/1.1 over loopback: one connection, kept open, one request at a time.
//!
//! Just what a client of the service needs, so that the automation stays quick to build. It never retries: what became
//! of a request is for the caller to say.

mod message;

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::clock::{Clock, Moment};
pub(super) use message::{Message, Reader};

/// One request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) method: &'static str,
    pub(super) path: &'a str,
    pub(super) bearer: Option<&'a str>,
    /// JSON.
    pub(super) body: Option<&'a str>,
}

/// One answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Silence {
    /// Nobody was there: nothing was sent.
    NoConnection,
    /// The connection ended before the answer.
    Cut,
    /// Nobody waits any longer.
    TimedOut,
}

/// A connection, made when it is needed and again after it was lost.
#[derive(Debug)]
pub(super) struct Client {
    clock: Clock,
    open: Option<(SocketAddr, Reader)>,
}

impl Client {
    pub(super) const fn new(clock: Clock) -> Self {
        Self { clock, open: None }
    }

    /// Asks and reads the answer to its end.
    ///
    /// # Errors
    /// When there is no answer by the deadline. The connection is closed then.
    pub(super) fn ask(&mut self, at: SocketAddr, request: &Request<'_>, patience: Duration) -> Result<Answer, Silence> {
        let deadline = self.clock.now() + patience;
        let mut reader = match self.open.take() {
            Some((address, reader)) if address == at => reader,
            _ => connect(at, patience).map(Reader::new).map_err(|_| Silence::NoConnection)?,
        };
        let answer = exchange(&mut reader, request, self.clock, deadline).map_err(|error| {
            let late = matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock);
            if late { Silence::TimedOut } else { Silence::Cut }
        })?;
        if !answer.closes() {
            self.open = Some((at, reader));
        }
        Ok(Answer { status: answer.status().ok_or(Silence::Cut)?, body: answer.body })
    }
}

fn connect(at: SocketAddr, patience: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&at, patience)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn exchange(reader: &mut Reader, request: &Request<'_>, clock: Clock, deadline: Moment) -> io::Result<Message> {
    let Request { method, path, bearer, body } = request;
    let kind = if body.is_some() { "Content-Type: application/json\r\n" } else { "" };
    let bearer = bearer.map(|value| format!("Authorization: Bearer {value}\r\n")).unwrap_or_default();
    let body = body.unwrap_or_default();
    let length = body.len();
    let text =
        format!("{method} {path} HTTP/1.1\r\nHost: keyward\r\n{bearer}{kind}Content-Length: {length}\r\n\r\n{body}");
    reader.stream().set_write_timeout(Some(deadline.since(clock.now()).max(Duration::from_millis(1))))?;
    reader.stream().write_all(text.as_bytes())?;
    reader.read(clock, deadline)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    /// What one client gets from a server that says this on each new connection, after it has read something.
    fn against(said: &[&str], patience: Duration) -> Vec<Result<u16, Silence>> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let clock = Clock::start();
        thread::scope(|scope| {
            scope.spawn(move || {
                for said in said {
                    let mut reader = Reader::new(listener.accept().unwrap().0);
                    reader.read(clock, clock.now() + LONG).unwrap();
                    reader.stream().write_all(said.as_bytes()).unwrap();
                    // Stays open until the client has gone, where it promised a body that does not come.
                    if said.contains("hangs") {
                        let _ = reader.read(clock, clock.now() + LONG);
                    }
                }
            });
            let mut client = Client::new(clock);
            let request = Request { method: "POST", path: "/x", bearer: None, body: Some("{}") };
            let answers = said.iter().map(|_| client.ask(at, &request, patience).map(|answer| answer.status));
            let answers = answers.collect();
            drop(client);
            answers
        })
    }

    #[test]
    fn an_answer_is_read_to_its_end_and_a_closed_connection_is_made_anew() {
        let closing = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: close\r\n\r\nok";
        let bodiless = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
        assert_eq!(against(&[closing, bodiless], LONG), [Ok(200), Ok(204)]);
    }

    #[test]
    fn half_an_answer_is_none() {
        let cut = ["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", "HTTP/1.1 20", ""];
        assert_eq!(against(&cut, LONG), [Err(Silence::Cut); 3]);
    }

    #[test]
    fn nobody_waits_for_ever() {
        let hangs = ["HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\nhangs"];
        assert_eq!(against(&hangs, Duration::from_millis(50)), [Err(Silence::TimedOut)]);
    }

    #[test]
    fn where_nobody_listens_nothing_is_sent() {
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let request = Request { method: "GET", path: "/x", bearer: None, body: None };
        let answer = Client::new(Clock::start()).ask(at, &request, LONG);
        assert_eq!(answer.map(|answer| answer.status), Err(Silence::NoConnection));
    }
}
