//! Rules for dependencies: they point one way, and a crate cannot use what it does not depend on.
//!
//! It reads `cargo metadata`, with the features that a build of one crate turns on, and no manifest itself.

use anyhow::Result;
use guppy::MetadataCommand;
use guppy::graph::cargo::{CargoOptions, CargoResolverVersion};
use guppy::graph::feature::{FeatureLabel, FeatureSet, StandardFeatures};
use guppy::graph::{DependencyDirection, PackageGraph, PackageMetadata};

use super::Finding;
use keyward_testkit::run;

/// Each crate, and our crates that it may depend on: `server → api → app → verifier → storage → domain`.
const LAYERS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("storage", &["domain"]),
    ("storage-sqlite", &["storage", "domain"]),
    ("verifier", &["storage", "domain"]),
    ("app", &["verifier", "storage", "domain"]),
    ("api", &["app", "verifier", "storage", "domain"]),
    ("testkit", &[]),
    ("chaos", &["testkit"]),
    ("server", &["api", "app", "verifier", "storage-sqlite", "storage", "domain"]),
];

/// Packages that must be absent from the dependencies of a crate, in a build of the product with all its features.
struct Absence {
    package: &'static str,
    /// Only among its own dependencies, not among theirs.
    direct: bool,
    foreign: &'static [&'static str],
    reason: &'static str,
}

const ABSENCES: &[Absence] = &[
    Absence {
        package: "app",
        direct: false,
        foreign: &["axum", "hyper", "utoipa", "sqlx", "sqlx-core"],
        reason: "a use case knows no transport and no database, so that a second entrance can use it: take values and \
                 ports",
    },
    Absence {
        package: "api",
        direct: false,
        foreign: &["sqlx", "sqlx-core"],
        reason: "api sees storage's ports only: then a mock is a whole database, and SQL cannot leak into a handler",
    },
    Absence {
        package: "verifier",
        direct: false,
        foreign: &["sqlx", "sqlx-core", "axum", "hyper"],
        reason: "the verifier answers from memory and through ports: the same core runs in the simulation and in the \
                 model",
    },
    Absence {
        package: "domain",
        direct: false,
        foreign: &["tokio", "mio", "socket2", "sqlx", "sqlx-core", "axum", "hyper", "reqwest", "rustls", "tracing"],
        reason: "the domain does no I/O and waits for nothing: another team takes it into a program of any shape",
    },
    Absence {
        package: "domain",
        direct: true,
        foreign: &["getrandom", "rand", "rand_core", "fastrand"],
        reason: "random bytes are handed in as values: the same input gives the same key, in a test and in a replay",
    },
];

pub(super) fn check() -> Result<Vec<Finding>> {
    let mut command = MetadataCommand::new();
    command.current_dir(run::workspace_root()).other_options(["--locked"]);
    judge(&command.build_graph()?)
}

fn judge(graph: &PackageGraph) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for package in graph.workspace().iter() {
        let manifest = package.manifest_path().strip_prefix(graph.workspace().root())?.as_str();
        if let Some(name) = package.name().strip_prefix("keyward-").filter(|_| manifest.starts_with("crates/")) {
            findings.extend(wrong(name, package)?.iter().map(|message| Finding::new(manifest, 0, message)));
        }
    }
    Ok(findings)
}

/// The faults in the dependencies of a crate. Its tests may depend on anything.
fn wrong(name: &str, package: PackageMetadata<'_>) -> Result<Vec<String>> {
    let mut found = Vec::new();
    if let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == name) {
        let ours = own(package).into_iter().filter_map(|it| it.strip_prefix("keyward-"));
        for it in ours.filter(|it| !allowed.contains(it)) {
            found.push(format!("{name} must not depend on {it}: the layers point one way, and it may use {allowed:?}"));
        }
    } else {
        let add = "add it to LAYERS in xtask/src/tidy/layers.rs, with its dependencies";
        found.push(format!("no layer is set for this crate: {add}"));
    }
    for absence in ABSENCES.iter().filter(|absence| absence.package == name) {
        let present = if absence.direct { own(package) } else { all(package)? };
        for foreign in absence.foreign.iter().filter(|foreign| present.contains(foreign)) {
            found.push(format!("`{foreign}` must not be a dependency: {}", absence.reason));
        }
    }
    if name == "server" && has_switches(package)? {
        found.push("the server has the feature `proofs` of keyward-verifier: rules could be switched off".to_owned());
    }
    Ok(found)
}

/// The names of a crate's own dependencies, on any platform.
fn own(package: PackageMetadata<'_>) -> Vec<&str> {
    let built = package.direct_links().filter(|link| link.normal().is_present() || link.build().is_present());
    built.map(|link| link.to().name()).collect()
}

/// The names of all packages in a build of a crate with all its features.
fn all(package: PackageMetadata<'_>) -> Result<Vec<&str>> {
    let parts = parts(package, StandardFeatures::All)?;
    Ok(parts.to_package_set().packages(DependencyDirection::Forward).map(|package| package.name()).collect())
}

/// Whether the shipped server can switch off rules of the protocol.
fn has_switches(server: PackageMetadata<'_>) -> Result<bool> {
    let parts = parts(server, StandardFeatures::Default)?;
    let mut features = parts.features(DependencyDirection::Forward);
    Ok(features.any(|it| it.package().name() == "keyward-verifier" && it.label() == FeatureLabel::Named("proofs")))
}

fn parts(package: PackageMetadata<'_>, features: StandardFeatures) -> Result<FeatureSet<'_>> {
    let mut options = CargoOptions::new();
    options.set_resolver(CargoResolverVersion::V3);
    Ok(package.to_feature_set(features).into_cargo_set(&options)?.target_features().clone())
}

#[cfg(test)]
mod tests {
    //! On workspaces of a few crates, with stand-ins of the same names.
    use std::fs;

    use super::*;

    /// The findings in a workspace of packages with these lines after their names.
    fn found(packages: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let workspace = "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n";
        fs::write(folder.path().join("Cargo.toml"), workspace).unwrap();
        for (name, rest) in packages {
            let home = folder.path().join("crates").join(name);
            fs::create_dir_all(home.join("src")).unwrap();
            fs::write(home.join("src/lib.rs"), "").unwrap();
            let manifest = format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n{rest}\n");
            fs::write(home.join("Cargo.toml"), manifest).unwrap();
        }
        let mut command = MetadataCommand::new();
        command.current_dir(folder.path()).other_options(["--offline"]);
        judge(&command.build_graph().unwrap()).unwrap().iter().map(ToString::to_string).collect()
    }

    #[track_caller]
    fn refused(packages: &[(&str, &str)], with: &str) {
        let found = found(packages);
        assert!(found.len() == 1 && found[0].contains(with), "{found:?}");
    }

    /// A section with one dependency, and the rest of its entry after its path.
    fn needs(section: &str, name: &str, rest: &str) -> String {
        format!("[{section}]\n{name} = {{ path = \"../{name}\"{rest} }}")
    }

    const STORAGE: (&str, &str) = ("keyward-storage", "");

    #[test]
    fn layers_point_one_way_however_a_dependency_is_written() {
        for section in ["dependencies", "build-dependencies", "target.'cfg(windows)'.dependencies"] {
            let up = needs(section, "keyward-storage", "");
            refused(
                &[STORAGE, ("keyward-domain", &up)],
                "keyward-domain/Cargo.toml: domain must not depend on storage",
            );
            assert!(found(&[STORAGE, ("keyward-verifier", &up)]).is_empty());
        }
        let in_tests = needs("dev-dependencies", "keyward-storage", "");
        assert!(found(&[STORAGE, ("keyward-domain", &in_tests)]).is_empty());
        refused(&[("keyward-newcomer", "")], "no layer is set");
    }

    #[test]
    fn an_absent_package_is_found_behind_others_and_behind_features() {
        let behind = needs("features]\nsql = [\"dep:sqlx\"]\n[dependencies", "sqlx", ", optional = true");
        let storage = ("keyward-storage", behind.as_str());
        let without = needs("dependencies", "keyward-storage", "");
        assert!(found(&[("sqlx", ""), storage, ("keyward-api", &without)]).is_empty());
        let with = needs("dependencies", "keyward-storage", ", features = [\"sql\"]");
        let packages = [("sqlx", ""), storage, ("keyward-api", &with)];
        refused(&packages, "keyward-api/Cargo.toml: `sqlx` must not be a dependency");
    }

    #[test]
    fn a_package_that_must_not_be_direct_may_be_indirect() {
        let (direct, behind) = (needs("dependencies", "rand", ""), needs("dependencies", "hmac", ""));
        refused(&[("rand", ""), ("keyward-domain", &direct)], "`rand` must not be a dependency");
        assert!(found(&[("rand", ""), ("hmac", &direct), ("keyward-domain", &behind)]).is_empty());
    }

    #[test]
    fn a_server_with_switches_for_the_rules_is_refused() {
        let verifier = ("keyward-verifier", "[features]\nproofs = []");
        let server = |rest| needs("dependencies", "keyward-verifier", rest);
        assert!(found(&[verifier, ("keyward-server", &server(""))]).is_empty());
        refused(&[verifier, ("keyward-server", &server(", features = [\"proofs\"]"))], "`proofs`");
    }
}
