//! A server's messages without its notifications: as a client behind a pooler receives them.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Type of a notification message.
const NOTIFICATION: u8 = b'A';

/// Forwards every message except notifications. The server must refuse TLS, and is asked for it first.
pub(super) async fn forward(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    // The one answer that is no message: "no TLS here".
    let refusal = from.read_u8().await?;
    assert_eq!(refusal, b'N', "the server speaks TLS, or was not asked for it");
    to.write_u8(refusal).await?;
    loop {
        let kind = from.read_u8().await?;
        // The length includes itself.
        let length = from.read_u32().await?;
        let mut rest = vec![0; usize::try_from(length).map_err(io::Error::other)?.saturating_sub(4)];
        from.read_exact(&mut rest).await?;
        if kind != NOTIFICATION {
            let message = [&[kind][..], &length.to_be_bytes(), &rest].concat();
            to.write_all(&message).await?;
        }
    }
}
