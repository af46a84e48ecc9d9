//! `cargo xtask`: every chore of this repository as one Rust program, so that nobody needs a shell script or a tool of
//! their own.
//!
//! It only picks the command; the work is in the library's modules.

use std::process::ExitCode;

const HELP: &str = "\
Keyward's automation. Run it as `cargo xtask COMMAND`.

  check            what a change must pass before it is looked at: formatting, tidy, checked queries, clippy, docs, licences
  test [-- ARGS]   everything that runs: starts a throwaway Postgres, builds the server, runs all tests and doctests, then builds
                   the example that uses the domain alone. ARGS go to `cargo test`; with ARGS only those tests run.
  tidy             the rules of this repository that no compiler knows; part of `check`
  sqlx [--check]   refresh the checked queries in crates/*/.sqlx after a change of SQL or of a migration;
                   with --check only say what is out of date
  pg               start a throwaway Postgres, print its URLs, and remove it when you press Enter
  bench [--quick]  build in release mode, measure the service against bare axum and pgbench, print the figures as Markdown; needs
                   wrk and curl (wrk is installed where that can be done)
  help             this text

Environment:
  KEYWARD_TEST_DATABASE_URL   tests use this Postgres (its role must be allowed to create databases) in place of a throwaway one
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match dispatch(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("xtask: {problem:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(words: &[&str]) -> anyhow::Result<()> {
    match words {
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        ["check"] => xtask::check::run(),
        ["test"] => xtask::test::run(&[]),
        ["test", "--", rest @ ..] => xtask::test::run(rest),
        ["tidy"] => xtask::tidy::run(),
        ["sqlx"] => xtask::sqlx::run(xtask::sqlx::Mode::Refresh),
        ["sqlx", "--check"] => xtask::sqlx::run(xtask::sqlx::Mode::Check),
        ["bench", rest @ ..] => xtask::bench::run(xtask::bench::Effort::parse(rest)?),
        ["pg"] => xtask::pg::hold_until_enter(),
        unknown => anyhow::bail!("no such command: `{}`; `cargo xtask --help` lists them", unknown.join(" ")),
    }
}
