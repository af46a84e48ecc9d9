//! The account of the server's processes. Postgres refuses to run as root, so root uses another account.
//!
//! Never calls `su`, `sudo` or `runuser`: not every image has them, and std can drop privileges between fork and exec.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

/// The account for the server's processes: ours, unless we are root.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    /// User and group of the processes; `None` if Postgres accepts our own account.
    drop_to: Option<(u32, u32)>,
}

impl Account {
    /// Chooses the account, and makes it the owner of the folder.
    pub(super) fn for_servers(folder: &Path) -> Result<Self> {
        // The owner of a new file is our own account, without a system call.
        let owner = fs::metadata(folder).with_context(|| format!("cannot read {}", folder.display()))?.uid();
        let drop_to = if owner == 0 {
            let users =
                fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd to find an account for Postgres")?;
            let found = ids(&users, "postgres").or_else(|| ids(&users, "nobody"));
            let missing =
                "root cannot run Postgres, and there is no user `postgres` or `nobody`: run this as another user";
            Some(found.context(missing)?)
        } else {
            None
        };
        let account = Self { drop_to };
        account.hand_over(folder)?;
        Ok(account)
    }

    /// Makes the account the owner of the path.
    pub(super) fn hand_over(self, path: &Path) -> Result<()> {
        let Some((user, group)) = self.drop_to else { return Ok(()) };
        std::os::unix::fs::chown(path, Some(user), Some(group))
            .with_context(|| format!("cannot make user {user}, which runs Postgres, the owner of {}", path.display()))
    }

    /// Prepares a command to run as the account in the folder. It gets only the variables that programs need to run: a
    /// developer's `PGDATA` or `LC_ALL` must not reach the server.
    pub(super) fn become_by<'a>(self, command: &'a mut Command, folder: &Path) -> &'a mut Command {
        command.current_dir(folder).env_clear().env("LC_ALL", "C");
        if let Some(path) = crate::run::variable("PATH") {
            command.env("PATH", path);
        }
        if let Some((user, group)) = self.drop_to {
            // With a uid and no groups given, std also drops root's supplementary groups.
            command.uid(user).gid(group);
        }
        command
    }
}

/// User and group id of a name in the text of `/etc/passwd`.
fn ids(users: &str, name: &str) -> Option<(u32, u32)> {
    let mut fields = users
        .lines()
        .map(|line| line.split(':'))
        .find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?;
    Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::ids;

    const USERS: &str =
        "root:x:0:0:root:/root:/bin/bash\npostgres-old:x:7:8::/:\npostgres:x:101:104:admin,,,:/var:/bin/sh\nbroken:x\n";

    #[test]
    fn ids_match_the_whole_name() {
        assert_eq!(ids(USERS, "postgres"), Some((101, 104)));
    }

    #[test]
    fn an_unknown_name_or_an_invalid_line_has_no_ids() {
        assert_eq!(ids(USERS, "nobody"), None);
        assert_eq!(ids(USERS, "broken"), None);
    }
}
