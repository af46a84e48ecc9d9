//! Where a command writes a secret: a new file for its owner only, or a terminal. Never a pipe: a log may read it.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::{exit::wrong_usage, output};
use crate::private_file;

/// A place for a secret, reserved before the secret is made.
pub(super) enum Destination {
    /// The terminal.
    Terminal,
    /// A new file, still empty.
    File(File, PathBuf),
}

impl Destination {
    /// Reserves the place, or returns why there is none.
    pub(super) fn take(out: Option<&Path>) -> Result<Self> {
        match out {
            Some(path) => match private_file::create_new(path) {
                Ok(file) => Ok(Self::File(file, path.to_owned())),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    bail!("{} already exists and is not overwritten: name another file", path.display())
                }
                Err(error) => Err(error).with_context(|| format!("cannot write {}", path.display())),
            },
            None if output::is_terminal() => Ok(Self::Terminal),
            None => Err(wrong_usage(
                "the secret would go into a pipe or a file that others may read: name a new file with --out FILE \
                 (made with mode 600), or run this on a terminal",
            )),
        }
    }

    /// Writes the secret, and prints its place. `keys` are its ids: if writing fails, they must be revoked. `show`
    /// prints the secret on a terminal.
    pub(super) fn keep(self, secret: &Value, keys: &[String], show: impl FnOnce() -> Result<()>) -> Result<()> {
        match self {
            Self::Terminal => show(),
            Self::File(file, path) => {
                let (text, shown) = (zeroize::Zeroizing::new(format!("{secret:#}\n")), path.display());
                let keys = keys.join(" and ");
                private_file::fill(&file, &path, text.as_bytes()).with_context(|| {
                    format!(
                        "{shown} could not be written, so the secret is lost: revoke {keys} with `keyward key \
                         revoke` and try again"
                    )
                })?;
                // The exit code reports the same to scripts.
                let _ = writeln!(io::stderr(), "created {keys}; the secret is in {shown} (mode 600), and nowhere else");
                Ok(())
            }
        }
    }

    /// Releases the place: there is no secret.
    pub(super) fn abandon(self) {
        if let Self::File(_, path) = self {
            // The file is empty and was made here; nothing is lost if it stays.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    //! Never overwritten, never piped, removed if not needed.
    use std::os::unix::fs::PermissionsExt as _;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_goes_into_a_new_file_of_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.json");
        Destination::take(Some(&path)).unwrap().keep(&json!({"appSecret": "x"}), &[], || unreachable!()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(fs::read_to_string(&path).unwrap().contains("appSecret"));
        let refusal = Destination::take(Some(&path)).err().unwrap();
        assert!(refusal.to_string().contains("not overwritten"), "{refusal}");
    }

    #[test]
    fn an_unneeded_file_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.json");
        Destination::take(Some(&path)).unwrap().abandon();
        assert!(!path.exists());
    }
}
