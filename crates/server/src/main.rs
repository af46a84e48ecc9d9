//! `keyward`: the service and its commands in one binary.
//!
//! This crate wires: it reads settings, opens the database, puts the use cases of `keyward-api` on top and gives them a
//! listener or a command line. It is the only one that reads the clock, the environment and the kernel's random bytes.
//! It decides nothing about keys. Exit codes: 0 done, 1 refused or failed, 2 wrong usage.

use std::{io, process::ExitCode};

mod background;
mod cli;
mod clock;
mod config;
mod database;
mod demo;
mod entropy;
mod installation;
mod listener;
mod master_key;
mod metrics;
mod node;
mod open_files;
mod private_file;
mod serve;
mod shutdown;
mod telemetry;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let code = match cli::Cli::parse_arguments().run() {
        Ok(code) => code,
        // Whoever read our output has seen enough: `keyward key list | head`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            telemetry::complain(&format!("keyward: {}", sentence(&error)));
            ExitCode::FAILURE
        }
    };
    telemetry::finish();
    code
}

/// The error with its causes in one line. Some libraries repeat the cause in their own words: once is enough.
fn sentence(error: &anyhow::Error) -> String {
    let mut sentence = String::new();
    for cause in error.chain().map(ToString::to_string).filter(|cause| !cause.is_empty()) {
        if !sentence.ends_with(&cause) {
            sentence = if sentence.is_empty() { cause } else { format!("{sentence}: {cause}") };
        }
    }
    sentence
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    //! What a person reads when it fails.
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn causes_follow_one_another_and_none_is_told_twice() {
        let error = anyhow!("refused").context("no answer: refused").context("cannot use the database");
        assert_eq!(sentence(&error), "cannot use the database: no answer: refused");
    }
}
