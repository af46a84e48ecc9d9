//! Packages of PyPI, in a virtual environment.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::Result;

use super::{installed, source};
use crate::{run, tools};

/// File that determines the installed versions. It lists every package, including dependencies.
const REQUIREMENTS: &str = "requirements.txt";

/// The command of a program in the virtual environment, such as `python`. It finds the others.
///
/// # Errors
/// If Python or a package cannot be installed.
pub fn python_program(name: &str) -> Result<Command> {
    let programs = packages()?.join("bin");
    let mut command = Command::new(programs.join(name));
    let path = run::variable("PATH").unwrap_or_default();
    command.env("PATH", env::join_paths([programs].into_iter().chain(env::split_paths(&path)))?);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("PYTHONPATH").env_remove("PYTHONHOME");
    Ok(command)
}

fn packages() -> Result<PathBuf> {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    installed(&FOLDER, "python", &[REQUIREMENTS], |folder| {
        let python = tools::find_or_install("python3", "python3")?;
        // On Debian a separate package creates virtual environments.
        let makes_them = || run::capture(Command::new(&python).args(["-c", "import ensurepip, venv"])).is_ok();
        tools::have_or_install("the module venv of python3", "python3-venv", makes_them)?;
        tools::say("installing the PyPI packages that tests/outside names into the target folder");
        run::capture(Command::new(&python).args(["-m", "venv", "--clear"]).arg(folder))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"];
        run::capture(Command::new(folder.join("bin/python")).args(pip).arg(source(REQUIREMENTS)))?;
        run::capture(Command::new(folder.join("bin/python")).args(["-m", "pip", "check"]))?;
        Ok(())
    })
}
