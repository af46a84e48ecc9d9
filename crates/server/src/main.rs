//! `keyward`: the service and its commands in one binary.
//!
//! This crate wires: it reads settings, opens the database, builds the use cases of `keyward-app`, and connects them to
//! the listener of `keyward-api` or to the command line. It is the only crate that reads the clock, the environment and
//! the kernel's random bytes. It decides nothing about keys. Exit codes: `cli::Exit`.

use std::{io, process::ExitCode};

mod background;
mod cli;
mod clock;
mod config;
mod database;
mod demo;
mod entropy;
mod error_text;
mod file_size;
mod installation;
mod listener;
mod master_key;
mod metrics;
mod node;
mod open_files;
mod private_file;
mod serve;
mod shutdown;
mod supervisor;
mod telemetry;

use cli::Exit;
use error_text::one_line;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let done = file_size::outlive_the_limit().and_then(|()| cli::Cli::parse_arguments().run());
    let code = match done.map_err(file_size::explain) {
        Ok(code) => code,
        // The reader of the output has ended: `keyward key list | head`.
        Err(error) if is_broken_pipe(&error) => Exit::Done.into(),
        Err(error) => {
            telemetry::print_error(&format!("keyward: {}", one_line(&error)));
            Exit::of(&error).into()
        }
    };
    telemetry::finish();
    code
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
