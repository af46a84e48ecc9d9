//! `cargo xtask`: every chore of this repository as one Rust program, so that nobody needs a shell script or a tool of
//! their own.
//!
//! It only picks the command; the work is in the library's modules.

use std::process::ExitCode;

const HELP: &str = "\
Keyward's automation. Run it as `cargo xtask COMMAND`.

  check            what a change must pass before it is looked at: formatting, tidy, checked queries, clippy, docs,
                   licences
  test [-- ARGS]   everything that runs: starts a throwaway Postgres, builds the server, runs all tests and doctests,
                   then builds the example that uses the domain alone. ARGS go to `cargo test`; with ARGS only those
                   tests run.
  tidy             the rules of this repository that no compiler knows; part of `check`
  sqlx [--check]   refresh the checked queries in crates/*/.sqlx after a change of SQL or of a migration;
                   with --check only say what is out of date
  pg               start a throwaway Postgres, print its URLs, and remove it when you press Enter
  bench [--quick] [--big] [--only ROW,ROW] [--rounds N]
                   build in release mode, measure the service against bare axum and pgbench, print the figures as
                   Markdown and write them into docs/performance.md (not with --quick or --rounds); with --big on ten
                   million keys rather than one. Needs wrk and valgrind, which are installed where that can be done
  instructions [--accept | --profile CASE]
                   count the instructions of a cached verification and compare them with benches/instructions.txt; part
                   of `test`
  chaos [network|kills|pauses|back|all] [--short] [--seconds N] [--seed S] [--nodes N]
        [--profile quick|default] [--server PATH]
                   build in release mode, run nodes on a Postgres under load while wires break, nodes and Postgres are
                   killed, nodes stand still, and the database goes back (a backup put in its place, a standby
                   promoted); `all` also has clients that take no answers and logs that no one reads; fails if a revoked
                   key was ever accepted, if anything acknowledged was lost but by the database itself, or if no node
                   said so where it was
  chaos control stale|forgotten|refusal|lease|unsaid|unlisted
                   the same without faults, but with something planted that breaks a promise; fails if the check does
                   not find it
  model [--schedules | --events]
                   search the revocation protocol further than the tests do, for a quarter of an hour: orders of
                   messages, losses and clocks; with --schedules the orders of one process's threads; with --events the
                   numbers of 100,000 events on a real Postgres under writers of every kind
  simulate [--seeds N] [--first-seed S] [--without RULE]
                   the revocation protocol in a seeded simulation, in release mode, over 5,000 seeds if not told
                   otherwise; without a rule it has to find a seed that breaks the promise
  help             this text

Environment:
  KEYWARD_TEST_DATABASE_URL   tests use this Postgres (its role must be allowed to create databases) in place of a
                              throwaway one
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
        ["bench", rest @ ..] => xtask::bench::run(&xtask::bench::Effort::parse(rest)?),
        ["instructions", rest @ ..] => xtask::bench::instructions::run(rest),
        ["chaos", rest @ ..] => keyward_chaos::run(rest),
        ["model", rest @ ..] => xtask::model::run(xtask::model::Search::parse(rest)?),
        ["simulate", rest @ ..] => xtask::simulate::run(rest),
        ["pg"] => keyward_testkit::pg::hold_until_enter(),
        unknown => anyhow::bail!("no such command: `{}`; `cargo xtask --help` lists them", unknown.join(" ")),
    }
}
