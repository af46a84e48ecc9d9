//! The wire between a node and its database, which can be cut, or go silent without a word: what a broken network does
//! and no server could.

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
    /// Its number changes whenever all connections are to be cut.
    cut: watch::Sender<u32>,
    _relay: JoinSet<()>,
}

impl Wire {
    /// To the server of this URL over TCP.
    pub(crate) async fn to(url: &str) -> Self {
        let (before, after) = url.split_once("@127.0.0.1:").expect("a URL over TCP");
        let (port, database) = after.split_once('/').expect("a URL with a database");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{before}@{}/{database}", listener.local_addr().unwrap());
        let (silent, cut) = (Arc::new(watch::Sender::new(false)), watch::Sender::new(0));
        let mut relay = JoinSet::new();
        relay.spawn(accept(listener, format!("127.0.0.1:{port}"), silent.subscribe(), cut.subscribe()));
        Self { url, silent, cut, _relay: relay }
    }

    /// The URL of the server through this wire.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// From now on nothing arrives; nobody is told.
    pub(crate) fn fall_silent(&self) {
        self.silent.send_replace(true);
    }

    /// Everything arrives again, also what was sent in between.
    pub(crate) fn speak(&self) {
        self.silent.send_replace(false);
    }

    /// Ends all connections. New ones are welcome.
    pub(crate) fn cut(&self) {
        self.cut.send_modify(|number| *number += 1);
    }
}

async fn accept(listener: TcpListener, server: String, silent: watch::Receiver<bool>, cut: watch::Receiver<u32>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let (server, silent, mut cut) = (server.clone(), silent.clone(), cut.clone());
        cut.mark_unchanged();
        connections.spawn(async move {
            tokio::select! {
                // That a relay ends is what it is for.
                _ = relay(client, &server, silent) => {}
                _ = cut.changed() => {}
            }
        });
    }
}

async fn relay(client: TcpStream, server: &str, silent: watch::Receiver<bool>) -> io::Result<()> {
    let server = TcpStream::connect(server).await?;
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::select! {
        ended = forward(from_client, to_server, silent.clone()) => ended,
        ended = forward(from_server, to_client, silent) => ended,
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
