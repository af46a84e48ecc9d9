//! The baseline of a verification that misses the cache: a bare axum whose only handler reads one row of Postgres by
//! its primary key, through sqlx, and answers with one column.
//!
//! `one-select CONNECTIONS` uses the database of `DATABASE_URL` with a pool of `CONNECTIONS` connections, which are all
//! open before it is ready. It sends the same query as `pgbench -S`.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use axum::{
    Router,
    extract::{Path, State},
    routing::get,
    serve::ListenerExt as _,
};
use http::StatusCode;
use sqlx::{PgPool, postgres::PgPoolOptions};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve())
}

#[expect(clippy::disallowed_methods, reason = "a program for measuring has no configuration")]
async fn serve() -> Result<()> {
    let connections = std::env::args().nth(1).context("usage: one-select CONNECTIONS")?.parse()?;
    let url = std::env::var("DATABASE_URL").context("DATABASE_URL names the database")?;
    // As in the pool of the service, open connections are not tested before use.
    let pool = PgPoolOptions::new()
        .min_connections(connections)
        .max_connections(connections)
        .test_before_acquire(false)
        .connect(&url)
        .await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let mut out = std::io::stdout();
    writeln!(out, "ready on http://{}", listener.local_addr()?)?;
    out.flush()?;
    // A socket that refuses the option is slow, which the result shows.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, Router::new().route("/{id}", get(balance)).with_state(pool)).await?;
    Ok(())
}

async fn balance(State(pool): State<PgPool>, Path(id): Path<i32>) -> Result<String, StatusCode> {
    let balance: Option<i32> = sqlx::query_scalar("SELECT abalance FROM pgbench_accounts WHERE aid = $1")
        .bind(id)
        .fetch_optional(&pool)
        .await
        .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    balance.map(|balance| balance.to_string()).ok_or(StatusCode::NOT_FOUND)
}
