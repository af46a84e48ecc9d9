//! A program of the machine that serves during a scenario. It never outlives its value.

use std::{
    path::PathBuf,
    process::Command,
    sync::{Mutex, PoisonError},
};

use keyward_testkit::process::Process;

/// A running program.
pub(crate) struct Daemon(Process);

impl Daemon {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(Process::spawn(command).unwrap())
    }

    pub(crate) fn is_running(&self) -> bool {
        self.0.is_running()
    }

    /// Both of its outputs.
    pub(crate) fn output_so_far(&self) -> String {
        self.0.output_so_far()
    }
}

/// The path of a program of the distribution. Scenarios that need the same one concurrently install it once.
pub(crate) fn installed(program: &str, package: &str) -> PathBuf {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    keyward_testkit::tools::find_or_install(program, package).unwrap_or_else(|error| panic!("{error:#}"))
}
