//! `cargo xtask tidy`: the rules of this repository that no compiler knows.
//!
//! Each finding names its place, the fault and the remedy. It reads text and `cargo metadata`; it never changes a file,
//! and it checks nothing that rustfmt, rustc or clippy can check.

mod layers;
mod migrations;
mod rust;
mod source;
mod text;

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use ignore::WalkBuilder;

use keyward_testkit::run;

/// A text file of the repository; the path is relative to its root, with slashes.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A fault and its remedy.
#[derive(Debug)]
struct Finding {
    path: String,
    /// From 1; 0 for the whole file.
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: &str) -> Self {
        Self { path: path.to_owned(), line, message: message.to_owned() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.message),
            line => write!(f, "{}:{line}: {}", self.path, self.message),
        }
    }
}

/// Checks the whole repository and prints the findings.
pub(crate) fn run() -> Result<()> {
    let files = files(run::workspace_root())?;
    let mut findings = Vec::new();
    for file in &files {
        findings.extend(text::check(file));
        if Path::new(&file.path).extension().is_some_and(|extension| extension == "rs") {
            findings.extend(rust::check(file));
        }
    }
    findings.extend(migrations::check(&files));
    findings.extend(layers::check()?);
    for finding in &findings {
        println!("{finding}");
    }
    ensure!(findings.is_empty(), "to tidy: {}", findings.len());
    println!("tidy: {} files, nothing found", files.len());
    Ok(())
}

/// Every text file below the root that git does not ignore.
pub(crate) fn files(root: &Path) -> Result<Vec<File>> {
    let mut found = Vec::new();
    // The same in every checkout: neither this machine's settings nor a repository around this one count.
    let mut walk = WalkBuilder::new(root);
    walk.hidden(false).parents(false).git_global(false).git_exclude(false).require_git(false);
    for entry in walk.filter_entry(|entry| entry.file_name() != ".git").build() {
        let entry = entry.context("cannot list the files of the repository")?;
        if entry.file_type().is_some_and(|kind| kind.is_file()) {
            let path = entry.path().strip_prefix(root)?.to_string_lossy().into_owned();
            let bytes = fs::read(entry.path()).with_context(|| format!("cannot read {path}"))?;
            // A file that is not UTF-8 is a picture or the like: no rule applies to it.
            found.extend(String::from_utf8(bytes).map(|text| File { path, text }));
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_folders_and_pictures_are_left_out() {
        let root = tempfile::tempdir().unwrap();
        for (path, bytes) in [
            (".gitignore", &b"/target\n/data/\n"[..]),
            (".git/config", b"x"),
            ("target/a.rs", b"x"),
            ("data/b.rs", b"x"),
            ("crates/target/c.rs", b"x"),
            ("logo.png", b"\xff\xfe"),
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let paths: Vec<String> = files(root.path()).unwrap().into_iter().map(|file| file.path).collect();
        assert_eq!(paths, [".gitignore", "crates/target/c.rs"]);
    }
}
