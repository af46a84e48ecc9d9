//! nginx as tests and the bench start it: one process in a folder of its own, around a configuration of Keyward's.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

/// Folders that nginx would make elsewhere.
const FOLDERS: [&str; 5] = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];

/// The command that starts it in this folder, in the foreground. Ending the process ends all of it.
///
/// # Errors
/// When the configuration cannot be written.
pub fn command(program: &Path, folder: &Path, configuration: &str) -> Result<Command> {
    let folders: String = FOLDERS.iter().map(|name| name.to_string() + "_temp_path " + name + "; ").collect();
    // A gateway that is measured keeps its connections for as long as the load lasts.
    let main = format!(
        "daemon off; master_process off; pid pid; error_log stderr info; events {{}}\n\
         http {{ access_log off; keepalive_requests 1000000000; {folders} include keyward.conf; }}\n"
    );
    for (name, text) in [("keyward.conf", configuration), ("nginx.conf", &main)] {
        fs::write(folder.join(name), text).with_context(|| format!("cannot write {name} for nginx"))?;
    }
    let mut command = Command::new(program);
    command.arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf")).current_dir(folder).env_clear();
    Ok(command)
}
