//! `cargo xtask sqlx`: refreshes the checked queries of the storage crates, or says which are out of date.
//!
//! It does what `cargo sqlx prepare` of sqlx 0.9 does, without that tool, which takes minutes to build: a throwaway
//! database with the migrations in it, then `cargo check` with the variables that make sqlx's macros ask the database
//! and write down what it answered. It prepares the libraries only (tests write plain queries), one crate at a time:
//! one folder for both databases would break the build, because a file is named by the hash of the query's text alone.

mod files;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail, ensure};

use keyward_testkit::pg::{Cluster, Durability};
use keyward_testkit::run;

/// What to do with the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Write it to the crates' `.sqlx`.
    Refresh,
    /// Change nothing, fail if it differs.
    Check,
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
///
/// # Errors
/// When a migration or a query is wrong, and in check mode when a file is out of date.
pub fn run(mode: Mode) -> Result<()> {
    let cluster = Cluster::start(Durability::Fast)?;
    lay_down_postgres(&cluster)?;
    let stale = prepare(&POSTGRES, &cluster.url(), mode)?;
    drop(cluster);

    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    let file = scratch.path().join("keyward.db");
    lay_down_sqlite(&file)?;
    let also_stale = prepare(&SQLITE, &format!("sqlite://{}", file.display()), mode)?;
    ensure!(
        !(stale || also_stale),
        "checked queries are out of date: run `cargo xtask sqlx` and commit crates/*/.sqlx"
    );
    Ok(())
}

/// Applies the migrations by `psql`, file by file in the order of their numbers.
fn lay_down_postgres(cluster: &Cluster) -> Result<()> {
    for file in files::migrations(&run::workspace_root().join(POSTGRES.migrations))? {
        let mut psql = Command::new(cluster.bin_dir().join("psql"));
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &cluster.url(), "-f"]).arg(&file);
        run::capture(&mut psql).with_context(|| format!("the migration {} does not apply", file.display()))?;
    }
    Ok(())
}

/// Applies the migrations with the bundled engine; its helper is built first, where sqlx is not built yet.
fn lay_down_sqlite(file: &Path) -> Result<()> {
    let mut helper = run::cargo();
    helper.args([
        "run",
        "--quiet",
        "--locked",
        "-p",
        "xtask",
        "--features",
        "sqlite-schema",
        "--bin",
        "sqlite-schema",
        "--",
    ]);
    run::show(helper.arg(file).arg(run::workspace_root().join(SQLITE.migrations)))
}

/// Prepares one crate; answers whether it was out of date, in check mode.
fn prepare(it: &Prepared, url: &str, mode: Mode) -> Result<bool> {
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
    if changes.is_empty() {
        println!("{}: {} checked queries, up to date", it.package, fresh.len());
        return Ok(false);
    }
    for change in &changes {
        println!("{}: {change}", it.package);
    }
    if mode == Mode::Check {
        return Ok(true);
    }
    files::replace(&home, &fresh)?;
    println!("{}: {} checked queries written to {}/.sqlx", it.package, fresh.len(), it.folder);
    Ok(false)
}

/// Has the crate's macros expanded anew, and what they learn written to the folder.
fn expand(it: &Prepared, url: &str, into: &Path) -> Result<()> {
    let library = run::workspace_root().join(it.folder).join("src/lib.rs");
    ensure!(
        library.exists(),
        "{} is missing: `cargo xtask sqlx` expects the library of {} there",
        library.display(),
        it.package
    );
    let _touched = Touched::now(library)?;
    let mut check = run::cargo();
    check.args(["check", "--quiet", "--locked", "--lib", "-p", it.package]).args(it.features);
    check.env("SQLX_OFFLINE", "false").env("SQLX_OFFLINE_DIR", into).env(it.variable, url);
    // Of the dependencies none may take this for its own database.
    for other in [&POSTGRES, &SQLITE].into_iter().filter(|other| other.variable != it.variable) {
        check.env_remove(other.variable);
    }
    if run::show(&mut check).is_err() {
        bail!(
            "{} does not compile against its migrated database; the compiler's message above names the query",
            it.package
        );
    }
    Ok(())
}

/// Makes cargo compile one crate again, by the time of its root file, and takes that back afterwards: everything that
/// depends on the crate is as fresh as it was.
struct Touched {
    path: PathBuf,
    before: SystemTime,
}

impl Touched {
    #[expect(clippy::disallowed_methods, reason = "cargo compares file times with the machine's clock")]
    fn now(path: PathBuf) -> Result<Self> {
        let before = fs::metadata(&path)
            .and_then(|it| it.modified())
            .with_context(|| format!("cannot read {}", path.display()))?;
        set_time(&path, SystemTime::now()).with_context(|| format!("cannot touch {}", path.display()))?;
        Ok(Self { path, before })
    }
}

impl Drop for Touched {
    fn drop(&mut self) {
        // Worst case: one build more than needed.
        let _ = set_time(&self.path, self.before);
    }
}

fn set_time(path: &Path, time: SystemTime) -> std::io::Result<()> {
    File::options().append(true).open(path)?.set_modified(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_touch_is_newer_while_it_lasts_and_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lib.rs");
        fs::write(&path, "//! here").unwrap();
        let long_ago = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        set_time(&path, long_ago).unwrap();
        let time = || fs::metadata(&path).unwrap().modified().unwrap();

        let touched = Touched::now(path.clone()).unwrap();
        assert!(time() > long_ago);
        drop(touched);

        assert_eq!(time(), long_ago);
        assert_eq!(fs::read_to_string(&path).unwrap(), "//! here");
    }
}
