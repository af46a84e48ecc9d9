//! A Postgres's messages without its notifications: as a client behind a pooler receives them.
//!
//! The server must refuse TLS, and is asked for it first.

use std::io;

/// Type of a notification message.
const NOTIFICATION: u8 = b'A';

/// What a server has sent and is not passed on yet.
#[derive(Debug, Default)]
pub(super) struct Deaf {
    /// The one answer that is no message was there: "no TLS here".
    is_refused: bool,
    /// The beginning of a message.
    rest: Vec<u8>,
}

impl Deaf {
    /// Takes what was read; returns the whole messages in it that are no notifications.
    ///
    /// # Errors
    /// When the server speaks TLS, or was not asked for it.
    pub(super) fn hear(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        self.rest.extend_from_slice(bytes);
        let mut heard = Vec::new();
        if !self.is_refused && !self.rest.is_empty() {
            if self.rest[0] != b'N' {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the server speaks TLS, or was not asked for it",
                ));
            }
            self.is_refused = true;
            heard.push(self.rest.remove(0));
        }
        // The length includes itself, and not the type before it.
        while let [kind, a, b, c, d, ..] = *self.rest {
            let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).map_err(io::Error::other)?.saturating_add(1);
            if self.rest.len() < length {
                break;
            }
            let after = self.rest.split_off(length);
            let message = std::mem::replace(&mut self.rest, after);
            if kind != NOTIFICATION {
                heard.extend(message);
            }
        }
        Ok(heard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_notifications_are_left_out_however_the_bytes_arrive() {
        let sent = b"NZ\0\0\0\x05IA\0\0\0\x06xyZ\0\0\0\x05T";
        for piece in [1, 2, 7, sent.len()] {
            let mut deaf = Deaf::default();
            let heard: Vec<u8> = sent.chunks(piece).flat_map(|bytes| deaf.hear(bytes).unwrap()).collect();
            assert_eq!(heard, b"NZ\0\0\0\x05IZ\0\0\0\x05T", "{piece} bytes at a time");
        }
    }

    #[test]
    fn a_server_that_speaks_tls_is_an_error() {
        assert!(Deaf::default().hear(b"S").is_err());
    }
}
