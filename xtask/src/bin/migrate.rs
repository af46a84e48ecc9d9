//! `migrate URL FOLDER` applies a folder of migrations to an empty database, as the service does at its start.
//!
//! SQLite is the engine that the product bundles, not the machine's `sqlite3`: that one is older, and may refuse what
//! the product accepts.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use sqlx::migrate::{Migrate, Migrator};
use sqlx::{Connection, PgConnection, SqliteConnection};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [url, folder] = words.as_slice() else { bail!("usage: migrate URL FOLDER") };
    let migrator =
        Migrator::new(Path::new(folder)).await.with_context(|| format!("cannot read the migrations in {folder}"))?;
    ensure!(migrator.iter().next().is_some(), "no migrations in {folder}: nothing to check queries against");
    if url.starts_with("sqlite:") {
        migrate::<SqliteConnection>(url, &migrator).await
    } else {
        migrate::<PgConnection>(url, &migrator).await
    }
}

async fn migrate<C: Connection + Migrate>(url: &str, migrator: &Migrator) -> Result<()> {
    let mut connection = C::connect(url).await.context("cannot open the new database")?;
    migrator.run_direct(None, &mut connection, false).await.context("a migration failed")?;
    connection.close().await.context("cannot close the new database")
}
