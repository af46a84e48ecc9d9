//! Clients that read nothing, and clients that send first.

use std::{sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
    time::Instant,
};

use super::{body::Pieces, exchange::PendingAnswer, *};

const TIMEOUTS: ClientTimeouts = ClientTimeouts { write: Duration::from_secs(30), discard: Duration::from_secs(5) };
/// One second below the timeout.
const ALMOST: Duration = Duration::from_secs(29);

fn line(room: usize) -> (Line<tokio::io::DuplexStream>, tokio::io::DuplexStream, Arc<Exchange>) {
    let (ours, theirs) = duplex(room);
    let exchange = Arc::<Exchange>::default();
    (Line::new(ours, Arc::clone(&exchange), TIMEOUTS), theirs, exchange)
}

/// Ticks of a clock that advances whenever all tasks wait; the first comes after one period.
fn every(period: Duration) -> tokio::time::Interval {
    tokio::time::interval_at(Instant::now() + period, period)
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_disconnected_and_a_slow_one_is_not() {
    let (mut line, mut client, _) = line(4);
    let begun = Instant::now();
    let slow = async {
        let mut due = every(ALMOST);
        for _ in 0..5 {
            due.tick().await;
            client.read_exact(&mut [0; 4]).await.unwrap();
        }
    };
    let (ended, ()) = tokio::join!(line.write_all(&[0; 1024]), slow);
    assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    assert!(begun.elapsed() >= 5 * ALMOST + TIMEOUTS.write);
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn an_unread_answer_ends_the_connection_and_one_that_progresses_does_not() {
    let (mut line, client, exchange) = line(1024);
    let begun = Instant::now();
    let (taken, left) = (PendingAnswer::begin(&exchange), PendingAnswer::begin(&exchange));
    let progress = async {
        let mut due = every(ALMOST);
        for _ in 0..5 {
            due.tick().await;
            taken.progressed();
            left.progressed();
        }
        drop(taken);
    };
    let mut buf = [0; 16];
    let (ended, ()) = tokio::join!(line.read(&mut buf), progress);
    assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    assert!(begun.elapsed() >= 5 * ALMOST + TIMEOUTS.write);
    drop((left, client));
    assert_eq!(exchange.oldest(), None);
}

#[tokio::test(start_paused = true)]
async fn a_connection_with_nothing_to_come_ends_immediately() {
    for is_http2 in [false, true] {
        let (mut line, client, exchange) = line(1024);
        exchange.is_http2.store(is_http2, Ordering::Relaxed);
        let begun = Instant::now();
        line.shutdown().await.unwrap();
        assert!(begun.elapsed().is_zero());
        drop(client);
    }
}

#[tokio::test(start_paused = true)]
async fn data_still_being_sent_is_discarded_for_a_limited_time() {
    let (mut line, mut client, exchange) = line(1024);
    exchange.has_unread.store(true, Ordering::Relaxed);
    let (ended, sent) = tokio::join!(line.shutdown(), async {
        let sent = client.write_all(&vec![0; 100_000]).await;
        drop(client);
        sent
    });
    ended.unwrap();
    sent.unwrap();

    let (mut line, mut client, _) = self::line(1024);
    let begun = Instant::now();
    let drop_by_drop = async {
        client.write_all(b"x").await.unwrap();
        let mut due = every(Duration::from_secs(1));
        loop {
            due.tick().await;
            if client.write_all(b"x").await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        biased;
        () = drop_by_drop => panic!("the other end is open"),
        ended = line.shutdown() => ended.unwrap(),
    }
    assert!(begun.elapsed() <= TIMEOUTS.discard + Duration::from_secs(1));
}

fn full(bytes: usize) -> Full<Bytes> {
    let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(bytes).collect();
    Full::new(bytes.into())
}

#[tokio::test]
async fn an_answer_is_sent_in_pieces_and_complete() {
    for size in [0, 1, 1024, 1025, 16 * 1024, 16 * 1024 + 1, 100_000] {
        for is_http2 in [false, true] {
            let exchange = Arc::<Exchange>::default();
            let under_way = is_http2.then(|| PendingAnswer::begin(&exchange));
            let mut pieces = Pieces { body: full(size), rest: Bytes::new(), under_way };
            assert_eq!(pieces.size_hint().exact(), Some(size as u64));
            let (mut all, mut last) = (Vec::new(), 0);
            while let Some(frame) = pieces.frame().await {
                let data = frame.unwrap().into_data().unwrap();
                assert!(data.len() <= 16 * 1024);
                all.extend_from_slice(&data);
                last = data.len();
                assert_eq!(pieces.size_hint().exact(), Some((size - all.len()) as u64));
                assert_eq!(pieces.is_end_stream(), all.len() == size);
            }
            assert_eq!(all, full(size).collect().await.unwrap().to_bytes());
            assert!(!is_http2 || last <= 1024, "{last}");
            drop(pieces);
            assert_eq!(exchange.oldest(), None);
        }
    }
}

/// The outcome for a body of which the service read this many frames.
async fn given_up(size: usize, is_being_sent: bool, frames: usize, is_late: bool) -> (bool, bool, bool) {
    let exchange = Arc::<Exchange>::default();
    let tasks = TaskTracker::new();
    let drains = Drains { exchange: Arc::clone(&exchange), within: TIMEOUTS.discard, tasks: tasks.clone() };
    let mut request_body = RequestBody { body: Some(full(size)), drains: Some(drains), is_being_sent, is_late: false };
    for _ in 0..frames {
        let _ = request_body.frame().await.transpose().unwrap();
    }
    request_body.is_late = is_late;
    drop(request_body);
    let was_unread = exchange.has_unread.load(Ordering::Relaxed);
    tasks.close();
    tasks.wait().await;
    let is_unread = exchange.has_unread.load(Ordering::Relaxed);
    (was_unread, is_unread, exchange.ends.load(Ordering::Relaxed))
}

#[tokio::test]
async fn the_rest_of_a_body_is_read_if_it_is_small_and_being_sent() {
    assert_eq!(given_up(10, true, 0, false).await, (true, false, false));
    assert_eq!(given_up(256 * 1024, true, 0, false).await, (true, false, false));
    for read in [1, 2] {
        assert_eq!(given_up(10, true, read, false).await, (false, false, false), "it is read to its end");
    }
    assert_eq!(given_up(256 * 1024 + 1, true, 0, false).await, (true, true, true));
    assert_eq!(given_up(10, true, 0, true).await, (true, true, true), "the service waited for it in vain");
    assert_eq!(given_up(10, false, 0, false).await, (false, false, true), "its client waits to be asked for it");
}
