//! The baseline of `cargo xtask bench`: a bare axum that answers "hello" to every request at `/`. It has the allocator,
//! the runtime and the socket option of the product and uses axum's `serve`. It has no limits, timers, graceful stop or
//! caller addresses.

use std::io::Write as _;

use axum::{Router, routing::any, serve::ListenerExt as _};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::io::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve())
}

async fn serve() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let mut out = std::io::stdout();
    writeln!(out, "ready on http://{}", listener.local_addr()?)?;
    out.flush()?;
    // A socket that refuses the option is slow, which the result shows.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, Router::new().route("/", any(|| async { "hello" }))).await
}
