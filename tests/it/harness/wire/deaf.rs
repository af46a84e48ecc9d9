//! What a server says to a client, without its notifications: as whoever listens through a pooler hears it.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// A message that a notification is.
const NOTIFICATION: u8 = b'A';

/// Hands on every message but notifications. The server must refuse TLS, and is asked for it first.
pub(super) async fn forward(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    // The one answer that is no message: "no TLS here".
    let refusal = from.read_u8().await?;
    assert_eq!(refusal, b'N', "the server speaks TLS, or was not asked for it");
    to.write_u8(refusal).await?;
    loop {
        let kind = from.read_u8().await?;
        // The length counts itself.
        let length = from.read_u32().await?;
        let mut rest = vec![0; usize::try_from(length).map_err(io::Error::other)?.saturating_sub(4)];
        from.read_exact(&mut rest).await?;
        if kind != NOTIFICATION {
            let message = [&[kind][..], &length.to_be_bytes(), &rest].concat();
            to.write_all(&message).await?;
        }
    }
}
