//! The HTTP client of tests and measurements. It returns the answer to one request, or why there is none.
//!
//! It never retries a request that a server may have received, and uses no proxy of the machine. Tests that need input
//! that no HTTP library sends write it to a socket themselves.

use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::RequestBuilder;
use tokio::runtime::{Builder, Runtime};

pub use crate::answer::Answer;
pub use reqwest::header::HeaderMap;

/// Longer than any call takes. No test waits for it.
pub const LIMIT: Duration = Duration::from_mins(1);

/// Creates the library's client, with this time limit per request.
///
/// # Errors
/// If the library cannot be set up.
pub fn client(limit: Duration) -> reqwest::Result<reqwest::Client> {
    client_options(limit).build()
}

/// The options of [`client`], for a client that needs one more: an address, a protocol, a certificate.
pub fn client_options(limit: Duration) -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy().retry(reqwest::retry::never()).timeout(limit).tcp_nodelay(true)
}

/// Sends a request, and reads its answer to the end.
///
/// # Errors
/// If there is none.
pub async fn send(request: RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer { status, headers, text: response.text().await? })
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Silence {
    /// No connection could be made, so nothing was sent.
    NoConnection,
    /// The connection ended before the answer.
    Cut,
    /// The answer did not arrive in time.
    TimedOut,
}

impl From<reqwest::Error> for Silence {
    fn from(error: reqwest::Error) -> Self {
        match () {
            () if error.is_timeout() => Self::TimedOut,
            () if error.is_connect() => Self::NoConnection,
            () => Self::Cut,
        }
    }
}

/// A client for one thread. It sends one request at a time over a persistent connection.
#[derive(Debug)]
pub struct Blocking {
    http: reqwest::Client,
    // One per client, on the waiting thread, so that an answer passes through no other thread.
    runtime: Runtime,
}

impl Blocking {
    /// Creates a client without a connection.
    ///
    /// # Errors
    /// If the library cannot be set up.
    pub fn new() -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
        Ok(Self { http: client(LIMIT)?, runtime })
    }

    /// Starts a request; complete it and [send](Self::send) it.
    ///
    /// # Panics
    /// If the method is invalid.
    pub fn request(&self, method: &str, url: &str) -> RequestBuilder {
        self.http.request(method.parse().expect("the methods of a test are known"), url)
    }

    /// Sends a request, and reads its answer to the end.
    ///
    /// # Errors
    /// If there is none.
    pub fn send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        self.runtime.block_on(send(request))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    use super::*;

    /// The results of one client at a server that reads a request and then sends one of these texts per connection.
    fn against(texts: &'static [&str], timeout: Duration) -> Vec<Result<u16, Silence>> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("http://{address}/x");
        thread::scope(|scope| {
            scope.spawn(move || {
                for text in texts {
                    let mut reader = BufReader::new(listener.accept().unwrap().0);
                    // A client that timed out sends no complete request.
                    let _ = serve(&mut reader, text);
                }
            });
            let client = Blocking::new().unwrap();
            let ask = |_: &&str| {
                let answer = client.send(client.request("POST", &url).body("{}").timeout(timeout));
                answer.map(|answer| answer.status).map_err(Silence::from)
            };
            let answers = texts.iter().map(ask).collect();
            // The server may still wait for a client that timed out before it connected.
            for _ in texts {
                drop(TcpStream::connect(address));
            }
            answers
        })
    }

    fn serve(reader: &mut BufReader<TcpStream>, text: &str) -> std::io::Result<()> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        reader.read_exact(&mut [0; 2])?;
        reader.get_mut().write_all(text.as_bytes())?;
        // If the promised body is missing, the connection stays open until the client closes it.
        if text.contains("hangs") { reader.read(&mut [0; 1]).map(drop) } else { Ok(()) }
    }

    #[test]
    fn an_answer_is_read_to_its_end_and_a_closed_connection_is_replaced() {
        const TEXTS: &[&str] = &[
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: close\r\n\r\nok",
            "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n",
        ];
        assert_eq!(against(TEXTS, LIMIT), [Ok(200), Ok(204)]);
    }

    #[test]
    fn an_incomplete_answer_is_an_error_and_is_not_retried() {
        const CUT: &[&str] = &["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", "HTTP/1.1 20", ""];
        assert_eq!(against(CUT, LIMIT), [Err(Silence::Cut); 3]);
    }

    #[test]
    fn a_missing_answer_times_out_after_the_limit() {
        const HANGS: &[&str] = &["HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\nhangs"];
        assert_eq!(against(HANGS, Duration::from_millis(50)), [Err(Silence::TimedOut)]);
    }

    #[test]
    fn without_a_listener_nothing_is_sent() {
        let url = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
        let client = Blocking::new().unwrap();
        let answer = client.send(client.request("GET", &url)).map_err(Silence::from);
        assert_eq!(answer.unwrap_err(), Silence::NoConnection);
    }
}
