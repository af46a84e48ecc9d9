//! A client that sends one request at a time over one connection and says how long each answer took.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::request::Request;

/// Longer than any answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to one server.
pub(super) struct Client {
    address: String,
    reader: BufReader<TcpStream>,
}

/// An answer of the expected status.
pub(super) struct Answer {
    pub(super) body: Vec<u8>,
    /// From the first byte sent to the last one read, in milliseconds.
    pub(super) millis: f64,
}

impl Answer {
    pub(super) fn json(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

impl Client {
    /// Connects to the server of this URL.
    pub(super) fn connect(base: &str) -> Result<Self> {
        let address = base.trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { address, reader: BufReader::new(stream) })
    }

    /// Sends a request and reads the answer to its end.
    ///
    /// # Errors
    /// When there is none, or it has another status than the expected one.
    #[expect(clippy::disallowed_methods, reason = "measures; nothing is decided by it")]
    pub(super) fn ask(&mut self, request: &Request) -> Result<Answer> {
        let started = Instant::now();
        let (status, body) = self.ask_anything(request)?;
        let millis = started.elapsed().as_secs_f64() * 1_000.0;
        ensure!(
            status == request.expected,
            "{} {} was answered {status}: {}",
            request.method,
            request.path,
            String::from_utf8_lossy(&body)
        );
        Ok(Answer { body, millis })
    }

    /// Sends a request and reads the answer to its end, whatever status it has.
    ///
    /// # Errors
    /// When no answer comes.
    pub(super) fn ask_anything(&mut self, request: &Request) -> Result<(u16, Vec<u8>)> {
        ensure!(request.address() == self.address, "this connection leads to {}", self.address);
        self.reader.get_mut().write_all(request.text().as_bytes())?;
        self.read().with_context(|| format!("{} {}", request.method, request.path))
    }

    fn read(&mut self) -> Result<(u16, Vec<u8>)> {
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.with_context(|| format!("no status in `{first}`"))?;
        let mut length = 0;
        loop {
            let line = self.line()?;
            match line.split_once(':') {
                None if line.is_empty() => break,
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse()?,
                Some(_) | None => {}
            }
        }
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body)?;
        Ok((status, body))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.reader.read_line(&mut line)?;
        ensure!(line.ends_with('\n'), "the connection ended in the middle of an answer");
        Ok(line.trim_end().to_owned())
    }
}

#[cfg(test)]
mod tests {
    //! Answers are read to their end, and no further.
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn each_answer_is_read_to_its_end_and_another_status_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut stream = listener.accept().unwrap().0;
                let both = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 204 No Content\r\n\r\n";
                stream.write_all(both.as_bytes()).unwrap();
                let _ = stream.read(&mut [0; 1024]);
            });
            let mut client = Client::connect(&base).unwrap();
            let request = Request::get(&base, "/x", 200);
            assert_eq!(client.ask(&request).unwrap().json().unwrap(), serde_json::json!({}));
            let error = client.ask(&request).err().unwrap().to_string();
            assert!(error.contains("answered 204"), "{error}");
        });
    }
}
