//! The effect of each state of the network on a real connection. No test waits for time to pass: delays are long, and
//! end when the network changes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, channel};

use super::*;

const LIMIT: Duration = Duration::from_mins(1);
const LONG: Duration = Duration::from_hours(1);

/// A client, its wire, and the server's end of each connection.
struct Line {
    proxy: Proxy,
    accepted: Receiver<TcpStream>,
}

impl Line {
    fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Proxy::to(listener.local_addr().unwrap()).unwrap();
        let (accepted_by, accepted) = channel();
        std::thread::spawn(move || while accepted_by.send(listener.accept().unwrap().0).is_ok() {});
        Self { proxy, accepted }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.proxy.address()).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }

    /// Both ends of a new connection.
    fn pair(&self) -> (TcpStream, TcpStream) {
        let client = self.connect();
        let server = self.accepted.recv_timeout(LIMIT).unwrap();
        server.set_read_timeout(Some(LIMIT)).unwrap();
        (client, server)
    }
}

#[track_caller]
fn passes(mut from: &TcpStream, mut to: &TcpStream) {
    from.write_all(b"hello").unwrap();
    let mut read = [0; 5];
    to.read_exact(&mut read).unwrap();
    assert_eq!(&read, b"hello");
}

#[track_caller]
fn is_dead(mut stream: &TcpStream) {
    assert!(matches!(stream.read(&mut [0; 8]), Ok(0) | Err(_)));
}

#[test]
fn new_connections_go_to_the_current_server() {
    let (line, other) = (Line::new(), Line::new());
    line.proxy.lead_to(other.proxy.address());
    let (client, server) = (line.connect(), other.accepted.recv_timeout(LIMIT).unwrap());
    passes(&client, &server);
    assert!(line.accepted.try_recv().is_err());
}

#[test]
fn a_healthy_network_passes_data_both_ways_and_the_end() {
    let line = Line::new();
    let (client, server) = line.pair();
    passes(&client, &server);
    passes(&server, &client);
    drop(client);
    assert_eq!((&server).read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn a_large_message_passes_completely() {
    let line = Line::new();
    let (mut client, mut server) = line.pair();
    let sent: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let expected = sent.clone();
    let writer = std::thread::spawn(move || client.write_all(&sent));
    let mut read = Vec::new();
    server.read_to_end(&mut read).unwrap();
    writer.join().unwrap().unwrap();
    assert!(read == expected);
}

#[test]
fn a_cut_ends_open_and_new_connections_until_it_is_over() {
    let line = Line::new();
    let (client, server) = line.pair();
    line.proxy.set(Network::Cut);
    is_dead(&client);
    is_dead(&server);
    is_dead(&line.connect());
    line.proxy.set(Network::Healthy);
    let (client, server) = line.pair();
    passes(&client, &server);
}

#[test]
fn bytes_kept_by_a_half_open_network_arrive_afterwards() {
    let line = Line::new();
    for way in [Way::Up, Way::Down, Way::Both] {
        let (mut client, mut server) = line.pair();
        line.proxy.set(Network::HalfOpen { way, kept: true });
        client.write_all(b"one").unwrap();
        server.write_all(b"two").unwrap();
        line.proxy.set(Network::Healthy);
        for (stream, expected) in [(&mut server, b"one"), (&mut client, b"two")] {
            let mut read = [0; 3];
            stream.read_exact(&mut read).unwrap();
            assert_eq!(&read, expected);
        }
    }
}

#[test]
fn only_connections_with_lost_bytes_are_cut_after_a_half_open_network() {
    let line = Line::new();
    let (mut loser, loser_server) = line.pair();
    let (quiet, quiet_server) = line.pair();
    line.proxy.set(Network::HalfOpen { way: Way::Up, kept: false });
    passes(&loser_server, &loser);
    loser.write_all(b"gone").unwrap();
    line.proxy.set(Network::Healthy);
    is_dead(&loser);
    is_dead(&loser_server);
    passes(&quiet, &quiet_server);
}

#[test]
fn delayed_bytes_arrive_when_the_network_is_healthy() {
    let line = Line::new();
    for network in [Network::Delay { up: LONG, down: LONG }, Network::Slow] {
        let (mut client, mut server) = line.pair();
        line.proxy.set(network);
        let sent = vec![7; 30_000];
        client.write_all(&sent).unwrap();
        line.proxy.set(Network::Healthy);
        let mut read = vec![0; sent.len()];
        server.read_exact(&mut read).unwrap();
        assert!(read == sent);
    }
}

#[test]
fn without_a_server_connections_are_reset() {
    let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let proxy = Proxy::to(gone).unwrap();
    is_dead(&TcpStream::connect(proxy.address()).unwrap());
}

#[test]
fn dropping_it_ends_everything() {
    let line = Line::new();
    let (client, server) = line.pair();
    let address = line.proxy.address();
    drop(line);
    is_dead(&client);
    is_dead(&server);
    assert!(TcpStream::connect(address).is_err());
}
