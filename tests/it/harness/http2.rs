//! HTTP/2 by hand, for a client that misbehaves: it sends requests, reads frames, and answers no ping by itself.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// Longer than any step takes. No test waits for it.
const LIMIT: Duration = Duration::from_mins(1);

// Types of frames (RFC 9113, section 6).
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
/// Flag of a ping: it is an answer.
const ACK: u8 = 1;

/// An open connection.
pub(crate) struct Http2 {
    stream: TcpStream,
    next_id: u32,
    received_goaway: bool,
    answers_pings: bool,
}

impl Http2 {
    /// Opens one and sends the preface.
    pub(crate) async fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut connection = Self { stream, next_id: 1, received_goaway: false, answers_pings: false };
        connection.stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        connection.send(SETTINGS, 0, 0, &[]).await;
        connection
    }

    /// The same, answering pings.
    pub(crate) async fn connect_alive(address: &str) -> Self {
        Self { answers_pings: true, ..Self::connect(address).await }
    }

    /// Requests `/`, and reads until the head of the answer.
    pub(crate) async fn ask(&mut self) {
        let id = self.next_id;
        self.next_id += 2;
        // GET, http, / and an authority, in HPACK; end of headers and of the request.
        self.send(HEADERS, 0x05, id, &[0x82, 0x86, 0x84, 0x41, 0x01, b'x']).await;
        while self.frame().await.expect("an answer") != (HEADERS, id) {}
    }

    /// Reads to the end. Returns whether a GOAWAY came before it.
    pub(crate) async fn ends_with_goaway(&mut self) -> bool {
        while self.frame().await.is_some() {}
        self.received_goaway
    }

    /// Reads until a GOAWAY arrives.
    pub(crate) async fn until_goaway(&mut self) {
        while !self.received_goaway {
            self.frame().await.expect("a GOAWAY before the end");
        }
    }

    async fn send(&mut self, kind: u8, flags: u8, id: u32, payload: &[u8]) {
        let [_, length @ ..] = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = [&length[..], &[kind, flags], &id.to_be_bytes()].concat();
        frame.extend_from_slice(payload);
        // A connection that the other side has closed already is detected when reading.
        let _ = self.stream.write_all(&frame).await;
    }

    /// Type and stream of the next frame; `None` at the end.
    async fn frame(&mut self) -> Option<(u8, u32)> {
        let mut head = [0; 9];
        let read = timeout(LIMIT, self.stream.read_exact(&mut head)).await.expect("data, or the end of the connection");
        read.ok()?;
        let [a, b, c, kind, flags, id @ ..] = head;
        let mut payload = vec![0; usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap()];
        self.stream.read_exact(&mut payload).await.ok()?;
        self.received_goaway |= kind == GO_AWAY;
        if self.answers_pings && kind == PING && flags & ACK == 0 {
            self.send(PING, ACK, 0, &payload).await;
        }
        Some((kind, u32::from_be_bytes(id)))
    }
}
