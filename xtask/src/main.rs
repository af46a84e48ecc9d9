//! `cargo xtask`: every chore of this repository as one Rust program, without shell scripts or installed tools.
//!
//! It only selects the command. Nothing of the product or of its tests depends on it.

mod bench;
mod check;
mod model;
mod simulate;
mod sqlx;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser};

/// Keyward's automation.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", arg_required_else_help = true, after_help = ENVIRONMENT)]
enum Xtask {
    /// Check a change before review: formatting, tidy, checked queries, clippy, docs, licences
    Check,
    /// Run all tests and doctests, on a throwaway Postgres and a server built for them, and the example that uses the
    /// domain alone
    Test {
        /// Arguments of `cargo test`: only the tests that they select run
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Check the rules of this repository that no compiler knows; part of `check`
    Tidy,
    Sqlx(sqlx::Options),
    /// Start a throwaway Postgres, print its URLs, and remove it when you press Enter
    Pg,
    Bench(bench::Options),
    Instructions(bench::instructions::Options),
    Chaos(keyward_chaos::Options),
    Model(model::Options),
    Simulate(simulate::Options),
}

const ENVIRONMENT: &str = "\
Environment:
  KEYWARD_TEST_DATABASE_URL  a Postgres for the tests instead of a throwaway one; its role must be allowed to create
                             databases";

fn main() -> ExitCode {
    let command = Xtask::try_parse().unwrap_or_else(|error| {
        if error.kind() == ErrorKind::UnknownArgument {
            eprintln!("{}\n", options());
        }
        error.exit()
    });
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Xtask) -> anyhow::Result<()> {
    match command {
        Xtask::Check => check::run(),
        Xtask::Test { arguments } => test::run(&arguments),
        Xtask::Tidy => tidy::run(),
        Xtask::Sqlx(options) => sqlx::run(options),
        Xtask::Pg => keyward_testkit::pg::hold_until_enter(),
        Xtask::Bench(options) => bench::run(&options),
        Xtask::Instructions(options) => bench::instructions::run(&options),
        Xtask::Chaos(options) => keyward_chaos::run(options),
        Xtask::Model(options) => model::run(options),
        Xtask::Simulate(options) => simulate::run(&options),
    }
}

/// The options of the command on the command line, in one line.
fn options() -> String {
    let given = std::env::args().nth(1).unwrap_or_default();
    let mut command = Xtask::command();
    command.build();
    let command = command.find_subcommand(&given).unwrap_or(&command);
    let names: Vec<String> = command.get_arguments().map(ToString::to_string).collect();
    format!("`{}` takes {}", command.get_name(), if names.is_empty() { "no options".into() } else { names.join(", ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_is_well_defined() {
        Xtask::command().debug_assert();
    }

    #[test]
    fn arguments_after_two_dashes_are_those_of_cargo_test() {
        let words = ["xtask", "test", "--", "-p", "keyward-domain", "--", "expiry"];
        let Ok(Xtask::Test { arguments }) = Xtask::try_parse_from(words) else { panic!("refused") };
        assert_eq!(arguments, ["-p", "keyward-domain", "--", "expiry"]);
    }
}
