//! Drops the notifications among the messages of a Postgres, like a pooler.
//!
//! The client must request TLS first, and the server must refuse it.

use std::io;

/// Type of a notification message.
const NOTIFICATION: u8 = b'A';

/// Bytes that a server has sent and that were not passed on yet.
#[derive(Debug, Default)]
pub(super) struct NotificationFilter {
    /// Whether the answer to the TLS request was passed on. It is the only one that is no message.
    is_past_tls: bool,
    /// The beginning of a message.
    rest: Vec<u8>,
}

impl NotificationFilter {
    /// Adds bytes that were read. Returns all complete messages except notifications.
    ///
    /// # Errors
    /// If the server speaks TLS, or the client did not request it.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        self.rest.extend_from_slice(bytes);
        let mut passed = Vec::new();
        if !self.is_past_tls && !self.rest.is_empty() {
            if self.rest[0] != b'N' {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the server speaks TLS, or the client did not request it",
                ));
            }
            self.is_past_tls = true;
            passed.push(self.rest.remove(0));
        }
        // The length includes itself and excludes the type before it.
        while let [kind, a, b, c, d, ..] = *self.rest {
            let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).map_err(io::Error::other)?.saturating_add(1);
            if self.rest.len() < length {
                break;
            }
            let after = self.rest.split_off(length);
            let message = std::mem::replace(&mut self.rest, after);
            if kind != NOTIFICATION {
                passed.extend(message);
            }
        }
        Ok(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_notifications_are_dropped_for_every_split_of_the_bytes() {
        let sent = b"NZ\0\0\0\x05IA\0\0\0\x06xyZ\0\0\0\x05T";
        for piece in [1, 2, 7, sent.len()] {
            let mut filter = NotificationFilter::default();
            let passed: Vec<u8> = sent.chunks(piece).flat_map(|bytes| filter.pass(bytes).unwrap()).collect();
            assert_eq!(passed, b"NZ\0\0\0\x05IZ\0\0\0\x05T", "{piece} bytes at a time");
        }
    }

    #[test]
    fn a_server_that_speaks_tls_is_an_error() {
        assert!(NotificationFilter::default().pass(b"S").is_err());
    }
}
