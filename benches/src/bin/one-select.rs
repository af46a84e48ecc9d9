//! The yardstick of a verification that memory does not answer: a bare axum whose only handler reads one row of
//! Postgres by its primary key, through sqlx, and answers with one of its columns.
//!
//! `one-select CONNECTIONS`, with the database in `DATABASE_URL`: a pool of that many connections, all of them open
//! before it is ready. The table is that of pgbench, so `pgbench -S` and this ask Postgres the same.

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
    // Like the pool of the service: what stays open is not tried before it is used.
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
    // A socket that refuses the option is slow, and shows.
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
