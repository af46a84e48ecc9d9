//! `keyward completion` and `keyward man`: files for packagers, generated from the command line itself. They read no
//! setting.

use std::{
    fs,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use clap::Args;
use clap_complete::Shell;

use super::exit::Exit;

#[derive(Debug, Args)]
pub(super) struct Completion {
    /// The shell
    shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct Man {
    /// Write a page for each command into this folder instead of printing the first one
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn complete(completion: &Completion, mut command: clap::Command) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(completion.shell, &mut command, "keyward", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(Exit::Done.into())
}

pub(super) fn man(man: &Man, command: clap::Command) -> Result<ExitCode> {
    if let Some(folder) = &man.out {
        let written = fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder));
        written.with_context(|| format!("the pages cannot be written into {}", folder.display()))?;
    } else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        io::stdout().lock().write_all(&page)?;
    }
    Ok(Exit::Done.into())
}
