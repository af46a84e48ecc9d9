//! Limits, over real sockets.

use std::collections::HashMap;

use axum::{
    Router,
    routing::{get, post},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tower::util::BoxCloneSyncService;

use super::*;
use crate::config::{Flags, Purpose, Settings};

/// A server with these limits on a free port.
async fn serve(limits: &[(&'static str, &str)]) -> (SocketAddr, Lifecycle) {
    let settings = limits.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let settings = Settings::load(&Flags { config: None, settings }, HashMap::new(), Purpose::Serve).unwrap();
    let (listener, address) = bind(SocketAddr::from(([127, 0, 0, 1], 0)), "listen").await.unwrap();
    let lifecycle = Lifecycle::new();
    let long = bytes::Bytes::from(vec![b'x'; 1 << 20]);
    let app = Router::new()
        .route("/", get(|| async { "here" }))
        .route("/ignored", post(|| async { "here" }))
        .route(
            "/read",
            post(|body: bytes::Bytes| async move {
                assert_eq!(body, "hello");
                "here"
            }),
        )
        .route("/long", get(move || std::future::ready(long.clone())));
    let app = BoxCloneSyncService::new(app);
    let listener = Listener::new(listener, &settings.limits, lifecycle.clone());
    TaskTracker::new().spawn(listener.serve(move |_| app.clone()));
    (address, lifecycle)
}

async fn connect(to: SocketAddr) -> TcpStream {
    TcpStream::connect(to).await.unwrap()
}

/// Everything received until the connection is closed.
async fn read_to_end(mut connection: TcpStream) -> String {
    let mut words = Vec::new();
    // A reset is an end too.
    let _ = connection.read_to_end(&mut words).await;
    String::from_utf8_lossy(&words).into_owned()
}

async fn ask(to: SocketAddr) -> String {
    let mut connection = connect(to).await;
    let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let _ = connection.write_all(request).await;
    read_to_end(connection).await
}

#[tokio::test]
async fn half_a_header_is_not_waited_for() {
    let (address, _handle) = serve(&[("limits.header_read_timeout", "100ms")]).await;
    for begun in ["", "GET / HT", "GET / HTTP/1.1\r\nHo", "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        let mut connection = connect(address).await;
        connection.write_all(begun.as_bytes()).await.unwrap();
        let answer = read_to_end(connection).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{begun:?}: {answer}");
    }
}

#[tokio::test]
async fn a_connection_beyond_the_limit_is_closed_and_others_are_served() {
    let (address, _handle) = serve(&[("limits.max_connections", "1")]).await;
    let mut first = connect(address).await;
    first.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 15];
    first.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    assert_eq!(ask(address).await, "");
    first.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(early_answer(&mut first).await.ends_with("here"), "the one that was let in stays");
    drop(first);
    // The server needs a moment to notice; until then it refuses.
    let mut answered = String::new();
    while answered.is_empty() {
        answered = ask(address).await;
    }
    assert!(answered.ends_with("here"), "{answered}");
}

#[tokio::test]
async fn headers_that_are_too_long_are_refused() {
    let (address, _handle) = serve(&[("limits.max_header_bytes", "16384")]).await;
    let mut connection = connect(address).await;
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(40_000));
    let _ = connection.write_all(long.as_bytes()).await;
    assert!(!read_to_end(connection).await.contains("200 OK"));
}

#[tokio::test]
async fn an_address_in_use_is_refused_with_the_setting() {
    let (_held, address) = bind(SocketAddr::from(([127, 0, 0, 1], 0)), "listen").await.unwrap();
    let refusal = bind(address, "listen (KEYWARD_LISTEN, --listen)").await.unwrap_err();
    assert!(refusal.to_string().contains("--listen"), "{refusal}");
}

#[test]
fn an_unspecified_address_is_reached_by_loopback() {
    for (address, reached) in [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("10.0.0.1:1", "10.0.0.1:1")] {
        assert_eq!(reachable(address.parse().unwrap()).to_string(), reached);
    }
}

/// More than all buffers on the way hold.
const LONG: usize = 5_000_000;

#[tokio::test]
async fn a_client_that_sends_first_reads_its_answer() {
    let (address, _handle) = serve(&[("limits.max_header_bytes", "16384")]).await;
    let with_length =
        format!("POST /ignored HTTP/1.1\r\nHost: x\r\nContent-Length: {LONG}\r\n\r\n{}", "x".repeat(LONG));
    let in_chunks = format!(
        "POST /ignored HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{LONG:x}\r\n{}\r\n0\r\n\r\n",
        "x".repeat(LONG)
    );
    let header = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(LONG));
    for (request, status) in [(with_length, "200"), (in_chunks, "200"), (header, "431")] {
        let mut connection = connect(address).await;
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer:?}");
    }
}

/// An answer on a connection that may continue: up to the end of its body.
async fn early_answer(connection: &mut TcpStream) -> String {
    let mut answer = String::new();
    while !answer.ends_with("here") {
        answer.push(char::from(connection.read_u8().await.unwrap()));
    }
    answer.to_ascii_lowercase()
}

#[tokio::test]
async fn a_connection_stays_if_little_of_a_refused_body_is_left() {
    let (address, _handle) = serve(&[]).await;
    let whole = |path: &str, framing: &str, sent: &str| {
        (format!("POST {path} HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n"), sent.to_owned())
    };
    let length = |length: usize| whole("/ignored", &format!("Content-Length: {length}"), &"x".repeat(length));
    let read = whole("/read", "Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n");
    let mut connection = connect(address).await;
    for (head, body) in [length(2), length(100_000), length(256 * 1024), length(1)] {
        // In two writes, the second one only after the answer.
        connection.write_all(head.as_bytes()).await.unwrap();
        let answer = early_answer(&mut connection).await;
        assert!(!answer.contains("connection: close"), "{answer}");
        connection.write_all(body.as_bytes()).await.unwrap();
    }
    let (head, body) = read;
    connection.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    assert!(!early_answer(&mut connection).await.contains("connection: close"));
    connection.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(read_to_end(connection).await.ends_with("here"));
}

#[tokio::test]
async fn an_answer_announces_that_its_connection_ends_if_the_rest_of_the_request_is_not_read() {
    let (address, _handle) = serve(&[]).await;
    for (framing, rest) in [
        (format!("Content-Length: {}", 256 * 1024 + 1), "x".repeat(256 * 1024 + 1)),
        ("Content-Length: 2000000".to_owned(), "x".repeat(2_000_000)),
        ("Transfer-Encoding: chunked".to_owned(), "5\r\nhello\r\n0\r\n\r\n".to_owned()),
        // Its client may send it or not: nothing that follows is certainly a request.
        ("Content-Length: 2\r\nExpect: 100-continue".to_owned(), String::new()),
    ] {
        let mut connection = connect(address).await;
        let head = format!("POST /ignored HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n");
        connection.write_all(head.as_bytes()).await.unwrap();
        let answer = early_answer(&mut connection).await;
        assert!(answer.contains("\r\nconnection: close\r\n"), "{framing}: {answer}");
        connection.write_all(rest.as_bytes()).await.unwrap();
        connection.shutdown().await.unwrap();
        assert_eq!(read_to_end(connection).await, "", "nothing follows");
    }
}

/// An HTTP/2 client without a window for any answer.
async fn without_room(to: SocketAddr) -> (h2::client::SendRequest<bytes::Bytes>, h2::client::Connection<TcpStream>) {
    h2::client::Builder::new().initial_window_size(0).handshake(connect(to).await).await.unwrap()
}

#[tokio::test]
async fn http2_limits_concurrent_requests() {
    let (address, _handle) = serve(&[]).await;
    let (requests, mut connection) = without_room(address).await;
    let mut requests = tokio::select! {
        biased;
        ended = &mut connection => panic!("{ended:?}"),
        requests = requests.ready() => requests.unwrap(),
    };
    // The settings come with the first bytes of the server: an answer follows them.
    let (answer, _) = requests.send_request(http::Request::get("http://x/").body(()).unwrap(), true).unwrap();
    tokio::select! {
        biased;
        ended = &mut connection => panic!("{ended:?}"),
        answer = answer => assert_eq!(answer.unwrap().status(), 200),
    }
    assert_eq!(connection.max_concurrent_send_streams(), 32);
}

#[tokio::test]
async fn unread_answers_end_the_connection() {
    let (address, _handle) = serve(&[("limits.write_timeout", "200ms")]).await;
    for path in ["/", "/long"] {
        let (requests, connection) = without_room(address).await;
        let client = tokio_util::task::TaskTracker::new().spawn(connection);
        let mut requests = requests.ready().await.unwrap();
        let mut answers = Vec::new();
        for _ in 0..8 {
            let request = http::Request::get(format!("http://x{path}")).body(()).unwrap();
            let (answer, _) = requests.send_request(request, true).unwrap();
            answers.push(answer.await.unwrap());
        }
        assert!(answers.iter().all(|answer| answer.status() == 200));
        let ended = tokio::time::timeout(Duration::from_mins(1), client).await.expect("it is closed");
        // The client sees the end of the stream, or a reset.
        let _ = ended.unwrap();
    }
    // HTTP/1: requests, and no answer is read.
    let mut connection = connect(address).await;
    let request = b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n".repeat(64);
    let asks = async { while connection.write_all(&request).await.is_ok() {} };
    tokio::time::timeout(Duration::from_mins(1), asks).await.expect("it is closed");
    assert!(ask(address).await.ends_with("here"));
}

#[tokio::test]
async fn unread_answers_do_not_delay_a_stop() {
    let (address, lifecycle) = serve(&[("limits.write_timeout", "12h")]).await;
    let (requests, connection) = without_room(address).await;
    let client = tokio_util::task::TaskTracker::new().spawn(connection);
    let mut requests = requests.ready().await.unwrap();
    let request = http::Request::get("http://x/long").body(()).unwrap();
    let (answer, _) = requests.send_request(request, true).unwrap();
    let answer = answer.await.unwrap();
    // HTTP/1: one answer is read, and no other.
    let mut unread = connect(address).await;
    unread.write_all(&b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n".repeat(64)).await.unwrap();
    unread.read_exact(&mut [0; 15]).await.unwrap();
    lifecycle.close();
    // The client sees the end of the stream, or a reset.
    let _ = tokio::time::timeout(Duration::from_mins(1), client).await.expect("it is closed");
    let is_closed = async { while unread.write_all(b"\r\n").await.is_ok() {} };
    tokio::time::timeout(Duration::from_mins(1), is_closed).await.expect("it is closed");
    drop(answer);
}
