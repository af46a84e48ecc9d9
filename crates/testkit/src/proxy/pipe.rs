//! One direction of one connection: bytes that have been read and are not yet due on the other side.
//!
//! Decides when bytes are due from the state of the network and the time. Reads no clock and no socket.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Network, Way};
use crate::clock::Moment;

/// Maximum number of waiting bytes. Reading pauses until some have been written.
const MOST: usize = 64 * 1024;

/// Size of a piece on a slow network.
const SLOW_PIECE: usize = 64;
const SLOW_INTERVAL: Duration = Duration::from_micros(62_500);

/// Bytes on their way.
#[derive(Debug)]
pub(super) struct Pipe {
    way: Way,
    waiting: VecDeque<Piece>,
    size: usize,
    /// When the last piece is due. No later piece is due earlier.
    last: Moment,
    /// Whether the end was read.
    ended: bool,
    /// Whether the end was passed on.
    closed: bool,
    /// Whether bytes were lost.
    lost: bool,
}

#[derive(Debug)]
struct Piece {
    due: Moment,
    bytes: Vec<u8>,
}

impl Pipe {
    pub(super) const fn new(way: Way) -> Self {
        Self { way, waiting: VecDeque::new(), size: 0, last: Moment::START, ended: false, closed: false, lost: false }
    }

    /// Whether there is room for more bytes and the end was not read.
    pub(super) const fn wants_more(&self) -> bool {
        !self.ended && self.size < MOST
    }

    /// Adds bytes that were read; none mean the end.
    pub(super) fn take(&mut self, bytes: &[u8], network: Network, now: Moment) {
        self.ended |= bytes.is_empty();
        if network.swallows(self.way) && !network.keeps() {
            self.lost = true;
            return;
        }
        let (size, between) = match network {
            Network::Slow => (SLOW_PIECE, SLOW_INTERVAL),
            Network::Healthy | Network::Delay { .. } | Network::Cut | Network::HalfOpen { .. } => {
                (MOST, Duration::ZERO)
            }
        };
        for bytes in bytes.chunks(size) {
            let due = self.last.max(now + network.delay(self.way)) + between;
            self.last = due;
            self.size += bytes.len();
            self.waiting.push_back(Piece { due, bytes: bytes.to_vec() });
        }
    }

    /// When bytes are due; `None` if none are before the network changes or more is read.
    pub(super) fn due(&self, network: Network) -> Option<Moment> {
        if network.swallows(self.way) {
            return None;
        }
        self.waiting.front().map(|piece| piece.due)
    }

    /// The bytes to write now.
    pub(super) fn ready(&self, network: Network, now: Moment) -> Option<&[u8]> {
        let due = self.due(network).is_some_and(|due| due <= now);
        self.waiting.front().filter(|_| due).map(|piece| piece.bytes.as_slice())
    }

    /// Removes bytes that were written.
    pub(super) fn gone(&mut self, count: usize) {
        self.size = self.size.saturating_sub(count);
        if let Some(first) = self.waiting.front_mut() {
            first.bytes.drain(..count.min(first.bytes.len()));
            if first.bytes.is_empty() {
                self.waiting.pop_front();
            }
        }
    }

    /// Whether only the end is left to pass on.
    pub(super) fn is_at_its_end(&self, network: Network) -> bool {
        self.ended && !self.closed && self.waiting.is_empty() && !self.lost && !network.swallows(self.way)
    }

    /// Records that the end was passed on.
    pub(super) const fn close(&mut self) {
        self.closed = true;
    }

    pub(super) const fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) const fn has_lost(&self) -> bool {
        self.lost
    }

    /// Makes all waiting bytes due after a change of the network.
    pub(super) fn hurry(&mut self, now: Moment) {
        for piece in &mut self.waiting {
            piece.due = piece.due.min(now);
        }
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::after(Duration::from_secs(100));

    fn drained(pipe: &mut Pipe, network: Network, now: Moment) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(ready) = pipe.ready(network, now) {
            let count = ready.len();
            all.extend_from_slice(ready);
            pipe.gone(count);
        }
        all
    }

    #[test]
    fn a_delay_affects_only_its_direction_and_keeps_the_order() {
        let network = Network::Delay { up: Duration::from_secs(3), down: Duration::ZERO };
        let (mut up, mut down) = (Pipe::new(Way::Up), Pipe::new(Way::Down));
        up.take(b"a", network, NOW);
        down.take(b"b", network, NOW);
        assert_eq!(up.due(network), Some(NOW + Duration::from_secs(3)));
        assert_eq!(drained(&mut up, network, NOW), b"");
        assert_eq!(drained(&mut down, network, NOW), b"b");
        up.take(b"c", Network::Healthy, NOW + Duration::from_secs(1));
        assert_eq!(drained(&mut up, network, NOW + Duration::from_secs(2)), b"");
        assert_eq!(drained(&mut up, network, NOW + Duration::from_secs(3)), b"ac");
    }

    #[test]
    fn slow_is_a_kilobyte_a_second() {
        let mut pipe = Pipe::new(Way::Up);
        pipe.take(&[7; 4 * 1024], Network::Slow, NOW);
        for second in 1..=4 {
            assert_eq!(drained(&mut pipe, Network::Slow, NOW + Duration::from_secs(second)).len(), 1024);
        }
    }

    #[test]
    fn swallowed_bytes_are_kept_or_lost() {
        for kept in [true, false] {
            let half_open = Network::HalfOpen { way: Way::Up, kept };
            let mut pipe = Pipe::new(Way::Up);
            pipe.take(b"a", half_open, NOW);
            assert_eq!(drained(&mut pipe, half_open, NOW), b"");
            assert_eq!(pipe.due(half_open), None);
            pipe.hurry(NOW);
            assert_eq!(pipe.has_lost(), !kept);
            assert_eq!(drained(&mut pipe, Network::Healthy, NOW), if kept { &b"a"[..] } else { b"" });
        }
        let down = Network::HalfOpen { way: Way::Down, kept: false };
        let mut pipe = Pipe::new(Way::Up);
        pipe.take(b"a", down, NOW);
        assert_eq!(drained(&mut pipe, down, NOW), b"a");
    }

    #[test]
    fn waiting_bytes_are_due_once_the_network_is_healthy() {
        let mut pipe = Pipe::new(Way::Up);
        pipe.take(&[7; 2_000], Network::Slow, NOW);
        pipe.hurry(NOW);
        assert_eq!(drained(&mut pipe, Network::Healthy, NOW).len(), 2_000);
    }

    #[test]
    fn the_end_comes_after_everything_else() {
        let delay = Network::Delay { up: Duration::from_secs(1), down: Duration::ZERO };
        let mut pipe = Pipe::new(Way::Up);
        pipe.take(b"a", delay, NOW);
        pipe.take(b"", delay, NOW);
        assert!(!pipe.is_at_its_end(delay) && !pipe.wants_more());
        drained(&mut pipe, delay, NOW + Duration::from_secs(1));
        assert!(pipe.is_at_its_end(delay));
    }

    #[test]
    fn a_full_pipe_accepts_no_more() {
        let mut pipe = Pipe::new(Way::Up);
        pipe.take(&vec![0; MOST], Network::Healthy, NOW);
        assert!(!pipe.wants_more());
        drained(&mut pipe, Network::Healthy, NOW);
        assert!(pipe.wants_more());
    }
}
