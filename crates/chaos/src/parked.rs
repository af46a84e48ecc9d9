//! Clients that send requests to a node and read no answer: half over HTTP/1, half over HTTP/2 with a closed window.
//!
//! They have no credential, and request a page that needs none.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Number of connections.
const CONNECTIONS: usize = 32;
/// Number of requests on each connection: the concurrency that the RFC advises for HTTP/2.
const REQUESTS: u32 = 100;
/// Time for a node to read the requests. It stops reading while its answers are not read.
const PATIENCE: Duration = Duration::from_millis(200);

/// The open connections; closed when dropped.
pub(super) struct Parked {
    _connections: Vec<TcpStream>,
}

impl Parked {
    /// Opens the connections. Ignores a node that refuses them.
    pub(super) fn at(address: SocketAddr) -> Self {
        let words = [over_http1(), over_http2()];
        let open = |number: usize| ask(address, &words[number % words.len()]).ok();
        Self { _connections: (0..CONNECTIONS).filter_map(open).collect() }
    }
}

fn ask(address: SocketAddr, words: &[u8]) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // Unsent requests do not matter: the node has enough by then.
    let _ = stream.write_all(words);
    Ok(stream)
}

fn over_http1() -> Vec<u8> {
    b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(usize::try_from(REQUESTS).unwrap_or_default())
}

/// The preface, settings with an empty window, and requests (RFC 9113, sections 3.4, 6.2 and 6.5).
fn over_http2() -> Vec<u8> {
    let mut words = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    // SETTINGS_INITIAL_WINDOW_SIZE = 0.
    frame(&mut words, 0x4, 0, 0, &[0, 4, 0, 0, 0, 0]);
    // RFC 7541: `:method` GET and `:scheme` http by their indexes, `:path` and `:authority` as literals.
    let path = b"/openapi.json";
    let length = u8::try_from(path.len()).unwrap_or_default();
    let fields = [&[0x82, 0x86, 0x04, length], path.as_slice(), &[0x01, 1, b'x']].concat();
    for number in 0..REQUESTS {
        // END_HEADERS and END_STREAM.
        frame(&mut words, 0x1, 0x5, 2 * number + 1, &fields);
    }
    words
}

fn frame(words: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
    words.extend_from_slice(&length[1..]);
    words.extend_from_slice(&[kind, flags]);
    words.extend_from_slice(&stream.to_be_bytes());
    words.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_their_stated_length() {
        let words = over_http2();
        let (mut rest, mut frames) = (&words[24..], 0);
        while let [a, b, c, _, _, _, _, _, _, after @ ..] = rest {
            let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
            rest = &after[length..];
            frames += 1;
        }
        assert!(rest.is_empty());
        assert_eq!(frames, 1 + REQUESTS);
    }
}
