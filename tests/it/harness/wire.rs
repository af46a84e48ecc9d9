//! The connection between a node and its database, which can be cut, or stop delivering silently, as a broken network
//! does and no server could. Or it drops notifications.

mod deaf;

use std::{io, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// A relay in front of a server. Dropping it cuts everything.
pub(crate) struct Wire {
    url: String,
    silent: Arc<watch::Sender<bool>>,
    /// Changes whenever all connections must be cut.
    cut: watch::Sender<u32>,
    _relay: JoinSet<()>,
}

impl Wire {
    /// To the server of this URL over TCP.
    pub(crate) async fn to(url: &str) -> Self {
        Self::that(url, false).await
    }

    /// The same, on which no notification arrives.
    pub(crate) async fn deaf(url: &str) -> Self {
        Self::that(url, true).await
    }

    async fn that(url: &str, deaf: bool) -> Self {
        let (before, after) = url.split_once("@127.0.0.1:").expect("a URL over TCP");
        let (port, database) = after.split_once('/').expect("a URL with a database");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{before}@{}/{database}", listener.local_addr().unwrap());
        let (silent, cut) = (Arc::new(watch::Sender::new(false)), watch::Sender::new(0));
        let mut relay = JoinSet::new();
        let server = Server { address: format!("127.0.0.1:{port}"), deaf };
        relay.spawn(accept(listener, server, silent.subscribe(), cut.subscribe()));
        Self { url, silent, cut, _relay: relay }
    }

    /// The URL of the server through this relay.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Stops delivering, without closing any connection.
    pub(crate) fn fall_silent(&self) {
        self.silent.send_replace(true);
    }

    /// Delivers again, including what was sent in between.
    pub(crate) fn speak(&self) {
        self.silent.send_replace(false);
    }

    /// Ends all connections. New ones are accepted.
    pub(crate) fn cut(&self) {
        self.cut.send_modify(|number| *number += 1);
    }
}

/// The server behind the relay.
#[derive(Clone)]
struct Server {
    address: String,
    deaf: bool,
}

async fn accept(listener: TcpListener, server: Server, silent: watch::Receiver<bool>, cut: watch::Receiver<u32>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let (server, silent, mut cut) = (server.clone(), silent.clone(), cut.clone());
        cut.mark_unchanged();
        connections.spawn(async move {
            tokio::select! {
                // A relay may end.
                _ = relay(client, &server, silent) => {}
                _ = cut.changed() => {}
            }
        });
    }
}

async fn relay(client: TcpStream, server: &Server, silent: watch::Receiver<bool>) -> io::Result<()> {
    let deaf = server.deaf;
    let server = TcpStream::connect(&server.address).await?;
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let answers = async {
        if deaf {
            deaf::forward(from_server, to_client).await
        } else {
            forward(from_server, to_client, silent.clone()).await
        }
    };
    tokio::select! {
        ended = forward(from_client, to_server, silent.clone()) => ended,
        ended = answers => ended,
    }
}

async fn forward(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut silent: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut piece = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut piece).await?;
        if read == 0 || silent.wait_for(|silent| !silent).await.is_err() {
            return Ok(());
        }
        to.write_all(&piece[..read]).await?;
    }
}
