//! Determines the commit that a binary is built from: `SOURCE_COMMIT` where it is set (a build without the history, as
//! in an image), else what git reports for this folder. Without either, only the version is shown. Never fails a build.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// Number of digits of a commit that are shown.
const DIGITS: usize = 12;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=SOURCE_COMMIT");
    #[expect(clippy::disallowed_methods, reason = "a build has no settings of the service")]
    let given = env::var("SOURCE_COMMIT").ok();
    let version = env!("CARGO_PKG_VERSION");
    let commit =
        given.filter(|it| !it.is_empty()).or_else(of_git).map(|it| it.chars().take(DIGITS).collect::<String>());
    let version = commit.map_or_else(|| version.to_owned(), |commit| format!("{version} ({commit})"));
    // `cargo run` passes this to the program too, where `KEYWARD_…` would count as an unknown setting.
    println!("cargo::rustc-env=VERSION_AND_COMMIT={version}");
}

/// The commit that is checked out, if this folder is a repository itself and not a copy inside another one.
fn of_git() -> Option<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let top = PathBuf::from(git(&["rev-parse", "--show-toplevel"])?);
    if top.join("crates/server").canonicalize().ok()? != here.canonicalize().ok()? {
        return None;
    }
    // Written at every commit and every checkout.
    for file in ["HEAD", "logs/HEAD"] {
        let path = here.join(git(&["rev-parse", "--git-path", file])?);
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    git(&["rev-parse", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let done = Command::new("git").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok()?;
    let output = String::from_utf8(done.stdout).ok().filter(|_| done.status.success())?;
    Some(output.trim().to_owned()).filter(|output| !output.is_empty())
}
