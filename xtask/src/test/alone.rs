//! Proof that another team can take the domain alone: the example service is copied out of the workspace and tested
//! there.
//!
//! It never uses this workspace's manifest for the example, so a dependency that only the workspace provides fails
//! here.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::tidy;
use keyward_testkit::run;

const EXAMPLE: &str = "crates/domain/examples/partner-service/";

/// Copies the example to a temporary folder and runs its tests there: offline where possible, else with the registry.
pub(crate) fn test_domain_alone() -> Result<()> {
    let root = run::workspace_root();
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let files = tidy::files(root)?;
    // Without what a build left there: git ignores that.
    for (path, file) in files.iter().filter_map(|file| Some((file.path.strip_prefix(EXAMPLE)?, file))) {
        let target = folder.path().join(path);
        let parent = target.parent().context("a file has a folder")?;
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        let text = if path == "Cargo.toml" {
            with_domain(&root.join("crates/domain"), &file.text)?
        } else {
            file.text.clone()
        };
        fs::write(&target, text).with_context(|| format!("cannot write {}", target.display()))?;
    }
    // The versions that are on this machine already: cargo drops what the example does not need.
    fs::copy(root.join("Cargo.lock"), folder.path().join("Cargo.lock")).context("cannot copy Cargo.lock")?;
    let target = run::target_directory()?.join("alone");
    let cargo = |arguments: &[&str]| {
        let mut cargo = run::cargo();
        cargo.args(arguments).current_dir(folder.path()).env("CARGO_TARGET_DIR", &target);
        cargo
    };
    let offline = run::capture(&mut cargo(&["metadata", "--offline", "--format-version", "1"])).is_ok();
    run::show(&mut cargo(if offline { &["test", "--offline"] } else { &["test"] }))
}

/// The manifest with the domain where it is. `cargo add` cannot replace it: that first reads the dependency at the path
/// that the copy no longer has.
fn with_domain(domain: &Path, manifest: &str) -> Result<String> {
    let changed = manifest.replace(r#"path = "../..""#, &format!("path = {:?}", domain.display().to_string()));
    ensure!(changed != manifest, "{EXAMPLE}Cargo.toml takes the domain from another path than ../..");
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_takes_the_domain_from_where_it_is() {
        let domain = Path::new("/a place/domain");
        let changed = with_domain(domain, "keyward-domain = { path = \"../..\" }\n").unwrap();
        assert_eq!(changed, "keyward-domain = { path = \"/a place/domain\" }\n");
        assert!(with_domain(domain, &changed).is_err(), "nothing was left to replace");
    }
}
