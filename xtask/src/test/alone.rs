//! Proof that another team can take the domain alone: the example service is copied out of the workspace and tested
//! there.
//!
//! It never uses this workspace's manifest for the example, so a dependency that only the workspace provides fails
//! here.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use ignore::WalkBuilder;

use keyward_testkit::run;

const EXAMPLE: &str = "crates/domain/examples/partner-service";

/// Copies the example to a temporary folder and runs its tests there; first offline, then with the registry.
///
/// # Errors
/// When it cannot be copied, or does not build or pass there.
pub fn test_domain_alone() -> Result<()> {
    let root = run::workspace_root();
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    copy_tree(&root.join(EXAMPLE), folder.path())?;
    take_domain_from(&root.join("crates/domain"), &folder.path().join("Cargo.toml"))?;
    let lock = folder.path().join("Cargo.lock");
    if !lock.exists() {
        // The versions that are on this machine already: cargo drops what the example does not need.
        fs::copy(root.join("Cargo.lock"), &lock).context("cannot copy Cargo.lock")?;
    }
    let target = run::target_directory()?.join("alone");
    let cargo = |arguments: &[&str]| {
        let mut cargo = run::cargo();
        cargo.args(arguments).current_dir(folder.path()).env("CARGO_TARGET_DIR", &target);
        cargo
    };
    let offline = run::capture(&mut cargo(&["metadata", "--offline", "--format-version", "1"])).is_ok();
    run::show(&mut cargo(if offline { &["test", "--offline"] } else { &["test"] }))
}

/// Replaces the path of the domain in the copied manifest. `cargo add` cannot: it first reads the dependency at the path
/// that the copy no longer has.
fn take_domain_from(domain: &Path, manifest: &Path) -> Result<()> {
    let text = fs::read_to_string(manifest).context("cannot read the copied manifest")?;
    let changed = text.replace(r#"path = "../..""#, &format!("path = {:?}", domain.display().to_string()));
    ensure!(changed != text, "{EXAMPLE}/Cargo.toml takes the domain from another path than ../..");
    fs::write(manifest, changed).context("cannot write the copied manifest")
}

/// Copies the files of a folder, without what a build left there.
fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    let mut walk = WalkBuilder::new(from);
    for entry in walk.standard_filters(false).filter_entry(|entry| entry.file_name() != "target").build() {
        let entry = entry.with_context(|| format!("cannot list {}", from.display()))?;
        let target = to.join(entry.path().strip_prefix(from)?);
        if entry.path().is_dir() {
            fs::create_dir_all(&target).with_context(|| format!("cannot make {}", target.display()))?;
        } else {
            fs::copy(entry.path(), &target).with_context(|| format!("cannot copy {}", entry.path().display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_takes_the_domain_from_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = folder.path().join("Cargo.toml");
        fs::write(&manifest, "keyward-domain = { path = \"../..\" }\n").unwrap();
        take_domain_from(Path::new("/a place/domain"), &manifest).unwrap();
        assert_eq!(fs::read_to_string(&manifest).unwrap(), "keyward-domain = { path = \"/a place/domain\" }\n");
        assert!(take_domain_from(Path::new("/elsewhere"), &manifest).is_err(), "nothing was left to replace");
    }

    #[test]
    fn build_output_is_not_copied() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        for file in ["src/main.rs", "target/debug/big"] {
            fs::create_dir_all(from.join(file).parent().unwrap()).unwrap();
            fs::write(from.join(file), "x").unwrap();
        }
        copy_tree(&from, &to).unwrap();
        assert!(to.join("src/main.rs").exists());
        assert!(!to.join("target").exists());
    }
}
