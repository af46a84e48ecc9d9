//! nginx for tests and benchmarks: one process in its own folder, with one of Keyward's configurations.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

/// Folders that nginx would create elsewhere by default.
const FOLDERS: [&str; 5] = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];

/// The command that starts nginx in this folder and in the foreground. Ending this process ends nginx.
///
/// # Errors
/// If the configuration cannot be written.
pub fn command(program: &Path, folder: &Path, configuration: &str) -> Result<Command> {
    let folders: String = FOLDERS.iter().map(|name| name.to_string() + "_temp_path " + name + "; ").collect();
    // A measured gateway must keep its connections during the whole load.
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
