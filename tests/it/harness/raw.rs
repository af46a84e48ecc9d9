//! A connection without an HTTP library: for input that no library sends.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

/// Longer than any step takes. No test waits for it.
const LIMIT: Duration = Duration::from_mins(1);

/// An open connection, and the bytes read from it so far.
pub(crate) struct Raw {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Raw {
    pub(crate) async fn connect(address: &str) -> std::io::Result<Self> {
        Ok(Self { stream: TcpStream::connect(address).await?, read: Vec::new() })
    }

    /// From another address of this machine.
    pub(crate) async fn connect_from(source: &str, address: &str) -> std::io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(source.parse().unwrap(), 0))?;
        Ok(Self { stream: socket.connect(address.parse().unwrap()).await?, read: Vec::new() })
    }

    /// Sends; a connection that the other side has closed already is detected when reading.
    pub(crate) async fn send(&mut self, text: &str) {
        let _ = self.stream.write_all(text.as_bytes()).await;
    }

    /// Reads until this text arrives. Returns everything read since the last time; `None` if the connection ended
    /// before.
    pub(crate) async fn read_until(&mut self, marker: &str) -> Option<String> {
        loop {
            let text = String::from_utf8_lossy(&self.read).into_owned();
            if text.contains(marker) {
                self.read.clear();
                return Some(text);
            }
            let mut piece = [0; 4096];
            match timeout(LIMIT, self.stream.read(&mut piece)).await.expect("data, or the end of the connection") {
                Ok(0) | Err(_) => return None,
                Ok(read) => self.read.extend_from_slice(&piece[..read]),
            }
        }
    }

    /// Reads until it is closed.
    pub(crate) async fn read_to_the_end(&mut self) -> String {
        while self.read_until("\u{0}").await.is_some() {}
        String::from_utf8_lossy(&std::mem::take(&mut self.read)).into_owned()
    }
}
