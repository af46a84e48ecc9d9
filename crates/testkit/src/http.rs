//! The HTTP client of tests and measurements: what one request was answered, or why there is no answer.
//!
//! It never retries what a server may have seen, and follows no proxy of the machine. Input that no HTTP library sends
//! is written by those who need it, over a socket.

use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::RequestBuilder;
use tokio::runtime::{Builder, Runtime};

pub use crate::answer::Answer;
pub use reqwest::header::HeaderMap;

/// Longer than any call takes. No test waits for it.
pub const LIMIT: Duration = Duration::from_mins(1);

/// The library's client, with this limit for each request.
///
/// # Errors
/// When the library cannot be set up.
pub fn client(limit: Duration) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().retry(reqwest::retry::never()).timeout(limit).tcp_nodelay(true).build()
}

/// Sends a request, and reads its answer to the end.
///
/// # Errors
/// When there is none.
pub async fn send(request: RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer { status, headers, text: response.text().await? })
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Silence {
    /// There was no connection: nothing was sent.
    NoConnection,
    /// The connection ended before the answer.
    Cut,
    /// The answer did not come in time.
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

/// A client for a thread, which sends one request at a time over a connection that it keeps.
#[derive(Debug)]
pub struct Blocking {
    http: reqwest::Client,
    // One a client, on the thread that waits: an answer passes through no other thread on its way.
    runtime: Runtime,
}

impl Blocking {
    /// A client without a connection.
    ///
    /// # Errors
    /// When the library cannot be set up.
    pub fn new() -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
        Ok(Self { http: client(LIMIT)?, runtime })
    }

    /// A request to be completed and [sent](Self::send).
    ///
    /// # Panics
    /// When there is no such method.
    pub fn request(&self, method: &str, url: &str) -> RequestBuilder {
        self.http.request(method.parse().expect("the methods of a test are known"), url)
    }

    /// Sends a request, and reads its answer to the end.
    ///
    /// # Errors
    /// When there is none.
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

    /// What one client gets from a server that says this on each new connection, after it has read a request.
    fn against(said: &'static [&str], patience: Duration) -> Vec<Result<u16, Silence>> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("http://{address}/x");
        thread::scope(|scope| {
            scope.spawn(move || {
                for said in said {
                    let mut reader = BufReader::new(listener.accept().unwrap().0);
                    // A client that has given up sends no whole request.
                    let _ = serve(&mut reader, said);
                }
            });
            let client = Blocking::new().unwrap();
            let ask = |_: &&str| {
                let answer = client.send(client.request("POST", &url).body("{}").timeout(patience));
                answer.map(|answer| answer.status).map_err(Silence::from)
            };
            let answers = said.iter().map(ask).collect();
            // Where the client gave up before it was connected, the server still waits for it.
            for _ in said {
                drop(TcpStream::connect(address));
            }
            answers
        })
    }

    fn serve(reader: &mut BufReader<TcpStream>, said: &str) -> std::io::Result<()> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        reader.read_exact(&mut [0; 2])?;
        reader.get_mut().write_all(said.as_bytes())?;
        // Stays open until the client has gone, where it promised a body that does not come.
        if said.contains("hangs") { reader.read(&mut [0; 1]).map(drop) } else { Ok(()) }
    }

    #[test]
    fn an_answer_is_read_to_its_end_and_a_closed_connection_is_made_anew() {
        const SAID: &[&str] = &[
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: close\r\n\r\nok",
            "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n",
        ];
        assert_eq!(against(SAID, LIMIT), [Ok(200), Ok(204)]);
    }

    #[test]
    fn half_an_answer_is_none_and_is_not_asked_for_again() {
        const CUT: &[&str] = &["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", "HTTP/1.1 20", ""];
        assert_eq!(against(CUT, LIMIT), [Err(Silence::Cut); 3]);
    }

    #[test]
    fn an_answer_that_does_not_come_is_waited_for_as_long_as_said() {
        const HANGS: &[&str] = &["HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\nhangs"];
        assert_eq!(against(HANGS, Duration::from_millis(50)), [Err(Silence::TimedOut)]);
    }

    #[test]
    fn where_no_one_listens_nothing_is_sent() {
        let url = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
        let client = Blocking::new().unwrap();
        let answer = client.send(client.request("GET", &url)).map_err(Silence::from);
        assert_eq!(answer.unwrap_err(), Silence::NoConnection);
    }
}
