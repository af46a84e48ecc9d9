//! Reads one HTTP/1.1 message, a request or an answer, from a connection.
//!
//! Keeps the exact bytes, which the proxy passes on. Reads only bodies with a stated length: the service sends no other
//! bodies in a run.

use std::io::{self, Read as _};
use std::net::TcpStream;
use std::time::Duration;

use keyward_testkit::clock::{Moment, RunClock};

/// Larger than any message of a run.
const MOST: usize = 1 << 20;

/// Head and body.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// All lines of the head, without the empty line.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Message {
    /// The exact bytes as sent.
    pub(super) fn bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), b"\r\n\r\n", &self.body].concat()
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
    lines.find_map(|(it, value)| it.eq_ignore_ascii_case(name).then(|| value.trim()))
}

/// The reading side of a connection, with bytes of later messages.
#[derive(Debug)]
pub(super) struct Reader {
    stream: TcpStream,
    ahead: Vec<u8>,
}

impl Reader {
    pub(super) const fn new(stream: TcpStream) -> Self {
        Self { stream, ahead: Vec::new() }
    }

    pub(super) const fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Reads the next message.
    ///
    /// # Errors
    /// If the connection ends within the message, the bytes are not a message, or it is incomplete at the deadline.
    pub(super) fn read(&mut self, clock: RunClock, deadline: Moment) -> io::Result<Message> {
        let end = loop {
            if let Some(end) = self.ahead.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            self.more(clock, deadline)?;
        };
        let head = String::from_utf8_lossy(&self.ahead[..end]).into_owned();
        if header(&head, "transfer-encoding").is_some() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a body without a length"));
        }
        let length = header(&head, "content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
        let whole = end.saturating_add(4).saturating_add(length);
        while self.ahead.len() < whole {
            self.more(clock, deadline)?;
        }
        let rest = self.ahead.split_off(whole);
        let body = self.ahead.split_off(end + 4);
        self.ahead = rest;
        Ok(Message { head, body })
    }

    fn more(&mut self, clock: RunClock, deadline: Moment) -> io::Result<()> {
        let left = deadline.since(clock.now());
        if left == Duration::ZERO {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        let mut piece = [0; 8 * 1024];
        let read = match self.stream.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            read => read?,
        };
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if self.ahead.len() + read > MOST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a message of more than a mebibyte"));
        }
        self.ahead.extend_from_slice(&piece[..read]);
        Ok(())
    }
}
