//! Lays down an SQLite schema: `sqlite-schema FILE MIGRATIONS` applies a folder of migrations to a new file.
//!
//! With the engine that the product bundles, not with whatever `sqlite3` the machine has: that one is older, and may
//! refuse what the product accepts. It never opens a file that is there already.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [file, migrations] = words.as_slice() else { bail!("usage: sqlite-schema FILE MIGRATIONS") };
    ensure!(!Path::new(file).exists(), "{file} is there already: name a new file");
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(lay_down(file, migrations))
}

async fn lay_down(file: &str, migrations: &str) -> Result<()> {
    let migrator = Migrator::new(Path::new(migrations))
        .await
        .with_context(|| format!("cannot read the migrations in {migrations}"))?;
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let mut connection = options.connect().await.with_context(|| format!("cannot make {file}"))?;
    migrator.run(&mut connection).await.context("a migration failed")?;
    connection.close().await.context("cannot close the new database")
}
