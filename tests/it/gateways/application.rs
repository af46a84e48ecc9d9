//! The application behind a gateway: it returns the request as it arrived, and counts.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// A server that echoes. Dropping it closes it.
pub(super) struct Application {
    address: String,
    reached: Arc<AtomicUsize>,
    _serving: JoinSet<()>,
}

impl Application {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, reached) = (listener.local_addr().unwrap().to_string(), Arc::default());
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, Arc::clone(&reached)));
        Self { address, reached, _serving: serving }
    }

    /// Host and port.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Number of requests that have reached it so far.
    pub(super) fn reached(&self) -> usize {
        self.reached.load(Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, reached: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let reached = Arc::clone(&reached);
        connections.spawn(async move {
            // A gateway that closes a connection has read all it needed.
            let _ = serve(stream, &reached).await;
        });
    }
}

/// Answers requests until the gateway closes the connection.
async fn serve(stream: TcpStream, reached: &AtomicUsize) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        reached.fetch_add(1, Ordering::SeqCst);
        let mut words = line.split_whitespace();
        let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
        let headers = headers(&mut stream).await?;
        let len = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let mut body = vec![0; len.and_then(|(_, len)| len.parse().ok()).unwrap_or_default()];
        stream.read_exact(&mut body).await?;
        let echo = json!({
            "method": method, "path": path, "headers": headers, "body": String::from_utf8_lossy(&body),
        });
        stream.write_all(&answer(&method, &path, &echo)).await?;
    }
}

async fn headers(stream: &mut BufReader<TcpStream>) -> io::Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
            None => return Ok(headers),
        }
    }
}

/// The status is that at the end of the path, if there is one: `/charges/status/403`.
fn answer(method: &str, path: &str, echo: &Value) -> Vec<u8> {
    let status = path.split_once("/status/").map_or("200", |(_, status)| status);
    let body = echo.to_string();
    let head = format!("HTTP/1.1 {status} From The Application\r\nContent-Length: {}\r\n\r\n", body.len());
    if method == "HEAD" { head.into_bytes() } else { (head + &body).into_bytes() }
}
