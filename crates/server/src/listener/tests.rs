//! Limits, over real sockets.

use std::collections::HashMap;

use axum::{Router, routing::get};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::config::{Flags, Purpose, Settings};

/// A server with these limits on a free port.
async fn serve(limits: &[(&'static str, &str)]) -> (SocketAddr, Handle<SocketAddr>) {
    let settings = limits.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let settings = Settings::load(&Flags { config: None, settings }, HashMap::new(), Purpose::Serve).unwrap();
    let (listener, address) = bind(SocketAddr::from(([127, 0, 0, 1], 0)), "listen").await.unwrap();
    let handle = Handle::new();
    let app = Router::new().route("/", get(|| async { "here" })).into_make_service();
    let server = plain(listener, &settings.limits, &handle);
    tokio_util::task::TaskTracker::new().spawn(server.serve(app));
    (address, handle)
}

async fn connect(to: SocketAddr) -> TcpStream {
    TcpStream::connect(to).await.unwrap()
}

/// Everything that is said until the connection is closed.
async fn last_words(mut connection: TcpStream) -> String {
    let mut words = Vec::new();
    // A reset is an end, too.
    let _ = connection.read_to_end(&mut words).await;
    String::from_utf8_lossy(&words).into_owned()
}

async fn ask(to: SocketAddr) -> String {
    let mut connection = connect(to).await;
    let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let _ = connection.write_all(request).await;
    last_words(connection).await
}

#[tokio::test]
async fn half_a_header_is_not_waited_for() {
    let (address, _handle) = serve(&[("limits.header_read_timeout", "100ms")]).await;
    let mut connection = connect(address).await;
    connection.write_all(b"GET / HTTP/1.1\r\nHo").await.unwrap();
    assert!(!last_words(connection).await.contains("200 OK"));
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let limits = [("limits.header_read_timeout", "50ms"), ("limits.idle_timeout", "100ms")];
    let (address, _handle) = serve(&limits).await;
    let mut connection = connect(address).await;
    connection.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(last_words(connection).await.ends_with("here"));
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_others_are_served() {
    let (address, _handle) = serve(&[("limits.max_connections", "1")]).await;
    let mut first = connect(address).await;
    first.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 15];
    first.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    assert_eq!(ask(address).await, "");
    drop(first);
    // The server needs a moment to notice; until then it says no.
    let mut answered = String::new();
    while answered.is_empty() {
        answered = ask(address).await;
    }
    assert!(answered.ends_with("here"), "{answered}");
}

#[tokio::test]
async fn headers_that_are_too_long_are_refused() {
    let (address, _handle) = serve(&[("limits.max_header_bytes", "8192")]).await;
    let mut connection = connect(address).await;
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(20_000));
    let _ = connection.write_all(long.as_bytes()).await;
    assert!(!last_words(connection).await.contains("200 OK"));
}

#[tokio::test]
async fn an_address_in_use_is_refused_with_the_setting() {
    let (_held, address) = bind(SocketAddr::from(([127, 0, 0, 1], 0)), "listen").await.unwrap();
    let refusal = bind(address, "listen (KEYWARD_LISTEN, --listen)").await.unwrap_err();
    assert!(refusal.to_string().contains("--listen"), "{refusal}");
}

#[test]
fn everywhere_is_reached_by_loopback() {
    for (address, reached) in [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("10.0.0.1:1", "10.0.0.1:1")] {
        assert_eq!(reachable(address.parse().unwrap()).to_string(), reached);
    }
}
