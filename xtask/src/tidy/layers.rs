//! Rules for dependencies: they point one way, and what a crate does not have it cannot use.
//!
//! It asks `cargo metadata`, with the features that a build of one crate turns on, and reads no manifest itself.

use anyhow::Result;
use guppy::MetadataCommand;
use guppy::graph::cargo::{CargoOptions, CargoResolverVersion};
use guppy::graph::feature::{FeatureSet, StandardFeatures};
use guppy::graph::{DependencyDirection, PackageGraph, PackageMetadata};

use super::Finding;
use keyward_testkit::run;

/// Each crate, and which of ours it may depend on: `server → api → app → verifier → storage → domain`.
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

/// What must not come along with a crate, in a build of the product with all of the crate's features.
struct Absence {
    package: &'static str,
    /// Only among its own dependencies, not among theirs.
    direct: bool,
    foreign: &'static [&'static str],
    lesson: &'static str,
}

const ABSENCES: &[Absence] = &[
    Absence {
        package: "app",
        direct: false,
        foreign: &["axum", "hyper", "utoipa", "sqlx", "sqlx-core", "sqlx-postgres", "sqlx-sqlite"],
        lesson: "a use case knows no transport and no database, so that a second entrance can use it as it is: take \
                 values and ports",
    },
    Absence {
        package: "api",
        direct: false,
        foreign: &["sqlx", "sqlx-core", "sqlx-postgres", "sqlx-sqlite"],
        lesson: "api sees storage's ports only: then a mock is a whole database, and SQL cannot leak into a handler",
    },
    Absence {
        package: "verifier",
        direct: false,
        foreign: &["sqlx", "sqlx-core", "axum", "hyper"],
        lesson: "the verifier answers from memory and through ports: the same core runs in the simulation and in the \
                 model",
    },
    Absence {
        package: "domain",
        direct: false,
        foreign: &["tokio", "mio", "socket2", "sqlx", "sqlx-core", "axum", "hyper", "reqwest", "rustls", "tracing"],
        lesson: "the domain does no I/O and waits for nothing: another team takes it into a program of any shape",
    },
    Absence {
        package: "domain",
        direct: true,
        foreign: &["getrandom", "rand", "rand_core", "fastrand"],
        lesson: "random bytes are handed in as values: the same input gives the same key, in a test and in a replay",
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
        let Some(name) = package.name().strip_prefix("keyward-").filter(|_| manifest.starts_with("crates/")) else {
            continue;
        };
        let mut say = |message: String| findings.push(Finding::new(manifest, 0, message));
        misdirected(name, package).for_each(&mut say);
        for absence in ABSENCES.iter().filter(|absence| absence.package == name) {
            let found = if absence.direct { own(package) } else { all(package)? };
            for foreign in absence.foreign.iter().filter(|foreign| found.contains(foreign)) {
                say(format!("`{foreign}` comes along: {}", absence.lesson));
            }
        }
        if name == "server" && has_switches(package)? {
            say("the server has the feature `proofs` of keyward-verifier: then rules could be switched off".to_owned());
        }
    }
    Ok(findings)
}

/// What is wrong with the dependencies of a crate on our own; those of tests are their own affair.
fn misdirected(name: &str, package: PackageMetadata<'_>) -> impl Iterator<Item = String> {
    let layer = LAYERS.iter().find(|(layer, _)| *layer == name);
    let unknown = layer.is_none().then(|| {
        "no layer is set for this crate: add it to LAYERS in xtask/src/tidy/layers.rs, with its dependencies".to_owned()
    });
    let allowed = layer.map_or(&[][..], |(_, allowed)| allowed);
    let wrong = own(package).into_iter().filter_map(|it| it.strip_prefix("keyward-"));
    let wrong = wrong.filter(move |it| layer.is_some() && !allowed.contains(it)).map(move |it| {
        let may = if allowed.is_empty() { "none of our crates".to_owned() } else { allowed.join(", ") };
        format!("{name} must not depend on {it}: the layers point one way, and it may use {may}")
    });
    unknown.into_iter().chain(wrong).collect::<Vec<_>>().into_iter()
}

/// The names of a crate's own dependencies, on any platform.
fn own(package: PackageMetadata<'_>) -> Vec<&str> {
    let built = package.direct_links().filter(|link| link.normal().is_present() || link.build().is_present());
    built.map(|link| link.to().name()).collect()
}

/// The names of everything that a build of a crate with all its features consists of.
fn all(package: PackageMetadata<'_>) -> Result<Vec<&str>> {
    let parts = parts(package, StandardFeatures::All)?;
    Ok(parts.to_package_set().packages(DependencyDirection::Forward).map(|package| package.name()).collect())
}

/// Whether rules of the protocol can be switched off in what is shipped.
fn has_switches(server: PackageMetadata<'_>) -> Result<bool> {
    let parts = parts(server, StandardFeatures::Default)?;
    let mut verifier =
        parts.features(DependencyDirection::Forward).filter(|it| it.package().name() == "keyward-verifier");
    Ok(verifier.any(|it| it.feature_id() == guppy::graph::feature::FeatureId::named(it.package_id(), "proofs")))
}

fn parts(package: PackageMetadata<'_>, features: StandardFeatures) -> Result<FeatureSet<'_>> {
    let mut options = CargoOptions::new();
    options.set_resolver(CargoResolverVersion::V3);
    Ok(package.to_feature_set(features).into_cargo_set(&options)?.target_features().clone())
}

#[cfg(test)]
mod tests {
    //! On workspaces of three crates, with stand-ins of the same names.
    use std::fs;

    use super::*;

    /// What is found where each package has these lines after its name.
    fn findings(packages: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("Cargo.toml"), "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n")
            .unwrap();
        for (name, rest) in packages {
            let home = folder.path().join("crates").join(name);
            fs::create_dir_all(home.join("src")).unwrap();
            fs::write(home.join("src/lib.rs"), "").unwrap();
            let manifest = format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n{rest}\n");
            fs::write(home.join("Cargo.toml"), manifest).unwrap();
        }
        let mut command = MetadataCommand::new();
        command.current_dir(folder.path()).other_options(["--offline"]);
        let found = judge(&command.build_graph().unwrap()).unwrap();
        found.iter().map(ToString::to_string).collect()
    }

    #[track_caller]
    fn refused(packages: &[(&str, &str)], with: &str) {
        let found = findings(packages);
        assert!(found.len() == 1 && found[0].contains(with), "{found:?}");
    }

    const STORAGE: (&str, &str) = ("keyward-storage", "");

    #[test]
    fn layers_point_one_way_however_a_dependency_is_written() {
        for kind in ["dependencies", "build-dependencies", "target.'cfg(windows)'.dependencies"] {
            let up = format!("[{kind}]\nkeyward-storage = {{ path = \"../keyward-storage\" }}");
            refused(
                &[STORAGE, ("keyward-domain", &up)],
                "keyward-domain/Cargo.toml: domain must not depend on storage",
            );
            assert!(findings(&[STORAGE, ("keyward-verifier", &up)]).is_empty());
        }
        let in_tests = "[dev-dependencies]\nkeyward-storage = { path = \"../keyward-storage\" }";
        assert!(findings(&[STORAGE, ("keyward-domain", in_tests)]).is_empty());
    }

    #[test]
    fn a_crate_without_a_layer_is_refused() {
        refused(&[("keyward-newcomer", "")], "no layer is set");
    }

    #[test]
    fn what_must_be_absent_is_found_behind_others_and_behind_features() {
        let behind = "[features]\nsql = [\"dep:sqlx\"]\n[dependencies]\nsqlx = { path = \"../sqlx\", optional = true }";
        let api = "[dependencies]\nkeyward-storage = { path = \"../keyward-storage\"";
        let sqlx = ("sqlx", "");
        assert!(findings(&[sqlx, ("keyward-storage", behind), ("keyward-api", &format!("{api} }}"))]).is_empty());
        let api = format!("{api}, features = [\"sql\"] }}");
        refused(
            &[sqlx, ("keyward-storage", behind), ("keyward-api", &api)],
            "keyward-api/Cargo.toml: `sqlx` comes along",
        );
    }

    #[test]
    fn what_must_not_be_direct_may_come_along() {
        let direct = "[dependencies]\nrand = { path = \"../rand\" }";
        let behind = "[dependencies]\nhmac = { path = \"../hmac\" }";
        refused(&[("rand", ""), ("keyward-domain", direct)], "`rand` comes along");
        assert!(findings(&[("rand", ""), ("hmac", direct), ("keyward-domain", behind)]).is_empty());
    }

    #[test]
    fn a_server_with_switches_for_the_rules_is_refused() {
        let verifier = ("keyward-verifier", "[features]\nproofs = []");
        let server = |features: &str| {
            let path = "path = \"../keyward-verifier\"";
            format!("[dependencies]\nkeyward-verifier = {{ {path}, features = [{features}] }}")
        };
        assert!(findings(&[verifier, ("keyward-server", &server(""))]).is_empty());
        refused(&[verifier, ("keyward-server", &server("\"proofs\""))], "`proofs`");
    }
}
