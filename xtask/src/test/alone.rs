//! Proof that another team can take the domain alone: the example service is copied out of the workspace and tested
//! there.
//!
//! It never uses this workspace's manifest for the example, so a dependency that only the workspace provides fails
//! here.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use keyward_testkit::run;

const EXAMPLE: &str = "crates/domain/examples/partner-service";

/// Copies the example to a temporary folder and runs its tests there; first offline, then with the registry.
///
/// # Errors
/// When it cannot be copied, or does not build or pass there.
pub fn test_domain_alone() -> Result<()> {
    let root = run::workspace_root();
    let example = root.join(EXAMPLE);
    if !example.join("Cargo.toml").exists() {
        println!("there is no {EXAMPLE} yet");
        return Ok(());
    }
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let copy = folder.path().join("partner-service");
    copy_tree(&example, &copy)?;
    let manifest = copy.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).context("cannot read the example's Cargo.toml")?;
    fs::write(&manifest, with_domain_at(&text, &root.join("crates/domain"))?)
        .context("cannot write the copy's Cargo.toml")?;
    let lock = copy.join("Cargo.lock");
    if !lock.exists() {
        // The versions that are on this machine already: cargo drops what the example does not need.
        fs::copy(root.join("Cargo.lock"), &lock).context("cannot copy Cargo.lock")?;
    }
    let target = run::target_directory()?.join("alone");
    let cargo = |arguments: &[&str]| {
        let mut cargo = run::cargo();
        cargo.args(arguments).current_dir(&copy).env("CARGO_TARGET_DIR", &target);
        cargo
    };
    let offline = run::capture(&mut cargo(&["metadata", "--offline", "--format-version", "1"])).is_ok();
    run::show(&mut cargo(if offline { &["test", "--offline"] } else { &["test"] }))
}

/// The manifest with the domain's path made absolute.
fn with_domain_at(manifest: &str, domain: &Path) -> Result<String> {
    let domain = domain.display().to_string();
    let mut found = false;
    let mut out = String::new();
    for line in manifest.lines() {
        let name = line.split('=').next().unwrap_or_default().trim();
        match line.split_once("path = \"").and_then(|(head, tail)| Some((head, tail.split_once('"')?.1))) {
            Some((head, tail)) if name == "keyward-domain" => {
                found = true;
                out.extend([head, "path = \"", &domain, "\"", tail]);
            }
            _ => out.push_str(line),
        }
        out.push('\n');
    }
    ensure!(
        found,
        "{EXAMPLE}/Cargo.toml has no line `keyward-domain = {{ path = \"…\" }}`: the example shall show how one takes \
         the domain"
    );
    Ok(out)
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "target" {
                copy_tree(&entry.path(), &target)?;
            }
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
    fn only_the_domains_path_is_made_absolute() {
        let manifest = "[dependencies]\nother = { path = \"../x\" }\nkeyward-domain = \
                        { path = \"../..\", features = [\"serde\"] }\n";
        let expected = "[dependencies]\nother = { path = \"../x\" }\nkeyward-domain = \
                        { path = \"/w/domain\", features = [\"serde\"] }\n";
        assert_eq!(with_domain_at(manifest, Path::new("/w/domain")).unwrap(), expected);
    }

    #[test]
    fn an_example_that_does_not_take_the_domain_by_path_is_refused() {
        assert!(with_domain_at("[dependencies]\nkeyward-domain = \"0.1\"\n", Path::new("/w")).is_err());
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
