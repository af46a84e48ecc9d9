//! The lower bound of `cargo xtask bench`: hyper alone, which answers "hello" to every request. It has no router, boxed
//! body, limits or timers. Allocator, runtime and socket option are those of the bare axum.

use std::{convert::Infallible, io::Write as _};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinSet};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::io::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve())
}

async fn serve() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut out = std::io::stdout();
    writeln!(out, "ready on http://{}", listener.local_addr()?)?;
    out.flush()?;
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        // A socket that refuses the option is slow, which the result shows.
        drop(stream.set_nodelay(true));
        connections.spawn(async move {
            // A client that hangs up ends only its connection.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await);
        });
        // Forgets connections that have ended.
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(b"hello"))))
}
