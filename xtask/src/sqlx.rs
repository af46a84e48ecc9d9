//! `cargo xtask sqlx`: refreshes the checked queries of the storage crates, or reports which are out of date.
//!
//! It does what `cargo sqlx prepare` of sqlx 0.9 does, without that tool, which takes minutes to build: a throwaway
//! database with the migrations in it, then `cargo check` with the variables that make sqlx's macros ask the database
//! and write down its answers. It prepares the libraries only (tests write plain queries), one crate at a time: one
//! folder for both databases would break the build, because a file is named by the hash of the query's text alone.

mod files;

use std::fs::{self, File};
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context as _, Result, ensure};

use keyward_testkit::pg::{Cluster, Durability};
use keyward_testkit::run;

/// Refresh the checked queries in crates/*/.sqlx after a change of SQL or of a migration
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Options {
    /// Only report what is out of date
    #[arg(long)]
    pub(crate) check: bool,
}

/// A crate whose queries are checked against one kind of database.
struct Prepared {
    package: &'static str,
    folder: &'static str,
    features: &'static [&'static str],
    migrations: &'static str,
    /// As its `sqlx.toml` names it.
    variable: &'static str,
    /// As sqlx names it in the files.
    database: &'static str,
}

const POSTGRES: Prepared = Prepared {
    package: "keyward-storage",
    folder: "crates/storage",
    features: &["--features", "postgres"],
    migrations: "migrations/postgres",
    variable: "POSTGRES_DATABASE_URL",
    database: "PostgreSQL",
};

const SQLITE: Prepared = Prepared {
    package: "keyward-storage-sqlite",
    folder: "crates/storage-sqlite",
    features: &[],
    migrations: "migrations/sqlite",
    variable: "SQLITE_DATABASE_URL",
    database: "SQLite",
};

/// Prepares both crates.
pub(crate) fn run(options: Options) -> Result<()> {
    let cluster = Cluster::start(Durability::Fast)?;
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    let sqlite = format!("sqlite://{}?mode=rwc", scratch.path().join("keyward.db").display());
    let mut is_stale = false;
    for (it, url) in [(&POSTGRES, cluster.url()), (&SQLITE, sqlite)] {
        let mut migrate = run::cargo();
        let words = "run --quiet --locked --package xtask --features migrate --bin migrate --";
        migrate.args(words.split(' ')).arg(&url).arg(run::workspace_root().join(it.migrations));
        run::show(&mut migrate)?;
        is_stale |= prepare(it, &url, options)?;
    }
    ensure!(!is_stale, "checked queries are out of date: run `cargo xtask sqlx` and commit crates/*/.sqlx");
    Ok(())
}

/// Prepares one crate; returns whether it stays out of date, which happens only with `check`.
fn prepare(it: &Prepared, url: &str, options: Options) -> Result<bool> {
    let fresh = tempfile::tempdir().context("cannot make a temporary folder")?;
    expand(it, url, fresh.path())?;
    let fresh = files::queries(fresh.path())?;
    for (name, text) in &fresh {
        // The trap of one URL for two databases: it compiles, and breaks the next build.
        ensure!(
            files::read(name, text)?.db_name == it.database,
            "{name}, made from {}, is not for {}: does {}/sqlx.toml say database-url-var = \"{}\"?",
            it.package,
            it.database,
            it.folder,
            it.variable
        );
    }
    let home = run::workspace_root().join(it.folder).join(".sqlx");
    let changes = files::differences(&files::queries(&home)?, &fresh)?;
    for change in &changes {
        println!("{}: {change}", it.package);
    }
    if !changes.is_empty() {
        if options.check {
            return Ok(true);
        }
        files::replace(&home, &fresh)?;
    }
    println!("{}: {} checked queries, up to date", it.package, fresh.len());
    Ok(false)
}

/// Makes the crate's macros expand again, and write what the database answers to the folder.
fn expand(it: &Prepared, url: &str, into: &Path) -> Result<()> {
    let mut check = run::cargo();
    check.args(["check", "--quiet", "--locked", "--lib", "-p", it.package]).args(it.features);
    check.env("SQLX_OFFLINE", "false").env("SQLX_OFFLINE_DIR", into);
    // No dependency may take this database for its own.
    check.env_remove(POSTGRES.variable).env_remove(SQLITE.variable).env(it.variable, url);
    let library = run::workspace_root().join(it.folder).join("src/lib.rs");
    let checked = touched(&library, || run::show(&mut check)).context("cannot touch the library's root file")?;
    checked.with_context(|| {
        format!("{} does not compile against its migrated database: the message above names the query", it.package)
    })
}

/// Makes cargo compile one crate again during the work, by the time of its root file, and takes that back afterwards:
/// everything that depends on the crate is as fresh as it was.
#[expect(clippy::disallowed_methods, reason = "cargo compares file times with the machine's clock")]
fn touched<T>(path: &Path, work: impl FnOnce() -> T) -> std::io::Result<T> {
    let set_time = |time| File::options().append(true).open(path)?.set_modified(time);
    let before = fs::metadata(path)?.modified()?;
    set_time(SystemTime::now())?;
    let done = work();
    set_time(before).map(|()| done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_touch_is_newer_while_it_lasts_and_is_taken_back() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let long_ago = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        file.as_file().set_modified(long_ago).unwrap();
        let time = || fs::metadata(file.path()).unwrap().modified().unwrap();
        assert!(touched(file.path(), time).unwrap() > long_ago);
        assert_eq!(time(), long_ago);
    }
}
