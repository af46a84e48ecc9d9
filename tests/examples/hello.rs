//! The yardstick of `cargo xtask bench`: a bare axum that answers "hello", with the runtime and allocator settings of the
//! product and nothing else.

use std::io::Write as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let mut out = std::io::stdout();
    writeln!(out, "ready on http://{}", listener.local_addr()?)?;
    out.flush()?;
    let router = axum::Router::new().route("/", axum::routing::get(|| async { "hello" }));
    axum::serve(listener, router).await
}
