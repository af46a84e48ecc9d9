//! Rules for dependencies: they point one way, and what a crate does not have it cannot use.
//!
//! Our own crates are read from the manifests; foreign ones are asked of `cargo tree`, because what counts is what
//! comes along.

use anyhow::Result;

use super::{File, Finding};
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

/// What must not come along with a crate, in a build of the product.
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

pub(super) fn check(files: &[File]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in files {
        if let Some(name) = file
            .path
            .strip_prefix("crates/")
            .and_then(|rest| rest.strip_suffix("/Cargo.toml"))
            .filter(|name| !name.contains('/'))
        {
            findings.extend(between_ours(name, file));
        }
    }
    for absence in ABSENCES {
        let manifest = format!("crates/{}/Cargo.toml", absence.package);
        if files.iter().any(|file| file.path == manifest) {
            let tree = tree(absence)?;
            findings.extend(
                too_much(absence, &tree)
                    .map(|name| Finding::new(&manifest, 0, format!("`{name}` comes along: {}", absence.lesson))),
            );
        }
    }
    let manifest = "crates/server/Cargo.toml";
    if files.iter().any(|file| file.path == manifest) && has_switches(&shipped()?) {
        let message =
            "the server comes with the feature `proofs` of keyward-verifier: then rules could be switched off";
        findings.push(Finding::new(manifest, 0, message.to_owned()));
    }
    Ok(findings)
}

/// The crates of a server as it is shipped, each with its features.
fn shipped() -> Result<String> {
    let mut tree = run::cargo();
    tree.args(["tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p} [{f}]"]);
    tree.args(["--package", "keyward-server"]);
    run::capture(&mut tree)
}

/// Whether rules of the protocol can be switched off in what consists of these crates.
fn has_switches(tree: &str) -> bool {
    tree.lines().any(|line| line.starts_with("keyward-verifier ") && line.contains("proofs"))
}

/// The dependencies on our own crates that point the wrong way.
fn between_ours(name: &str, file: &File) -> Vec<Finding> {
    let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == name) else {
        let message = "a crate that no layer is set for: add it to LAYERS in xtask/src/tidy/layers.rs, with what it \
                       may depend on";
        return vec![Finding::new(&file.path, 0, message)];
    };
    let wrong = ours(&file.text).into_iter().filter(|(_, it)| !allowed.contains(&it.as_str()));
    let say = |(line, it): (usize, String)| {
        let may = if allowed.is_empty() { "none of our crates".to_owned() } else { allowed.join(", ") };
        Finding::new(
            &file.path,
            line,
            format!("{name} must not depend on {it}: the layers point one way, and it may use {may}"),
        )
    };
    wrong.map(say).collect()
}

/// The lines of a manifest that take one of our crates for the product; what tests take is their affair.
fn ours(manifest: &str) -> Vec<(usize, String)> {
    let mut counts = false;
    let mut found = Vec::new();
    for (number, line) in (1..).zip(manifest.lines().map(str::trim)) {
        let mut entry = line;
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            let (head, one) = section.rsplit_once("dependencies.").map_or((section, ""), |(head, one)| (head, one));
            let is_build_part = |head: &str| !head.ends_with("dev-");
            counts = section.ends_with("dependencies") && !section.ends_with("dev-dependencies");
            entry = if one.is_empty() || !is_build_part(head) { "" } else { one };
        } else if !counts {
            continue;
        }
        if let Some(rest) = entry.strip_prefix("keyward-") {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(rest.len());
            found.push((number, rest[..end].to_owned()));
        }
    }
    found
}

/// The names of what comes along, as `cargo tree` prints them.
fn tree(absence: &Absence) -> Result<String> {
    let depth = if absence.direct { "1" } else { "100" };
    let mut tree = run::cargo();
    tree.args(["tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}", "--depth", depth]);
    tree.arg("--all-features").args(["--package", &format!("keyward-{}", absence.package)]);
    run::capture(&mut tree)
}

fn too_much<'a>(absence: &'a Absence, tree: &'a str) -> impl Iterator<Item = &'static str> + 'a {
    let comes_along = |name: &str| tree.lines().any(|line| line.split_whitespace().next() == Some(name));
    absence.foreign.iter().copied().filter(move |name| comes_along(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(name: &str, manifest: &str) -> Vec<usize> {
        let file = File { path: format!("crates/{name}/Cargo.toml"), text: manifest.to_owned() };
        between_ours(name, &file).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn layers_point_one_way() {
        let manifest = "[package]\nname = \"keyward-x\"\n[dependencies]\nkeyward-domain.workspace = \
                        true\nkeyward-storage = { path = \"x\" }\n";
        assert_eq!(wrong("domain", manifest), [4, 5]);
        assert_eq!(wrong("storage", manifest), [5]);
        assert!(wrong("api", manifest).is_empty());
    }

    #[test]
    fn sqlite_is_not_storage() {
        assert_eq!(wrong("api", "[dependencies]\nkeyward-storage-sqlite.workspace = true\n"), [2]);
    }

    #[test]
    fn every_way_to_write_a_dependency_counts_but_tests_may_take_what_they_like() {
        assert_eq!(wrong("domain", "[target.'cfg(unix)'.dependencies]\nkeyward-api = \"1\"\n"), [2]);
        assert_eq!(wrong("domain", "[dependencies.keyward-api]\npath = \"x\"\n"), [1]);
        assert_eq!(wrong("domain", "[build-dependencies]\nkeyward-api = \"1\"\n"), [2]);
        assert!(
            wrong("domain", "[dev-dependencies]\nkeyward-api = \"1\"\n[dev-dependencies.keyward-api]\npath = \"x\"\n")
                .is_empty()
        );
    }

    #[test]
    fn the_feature_of_proofs_is_seen_among_those_of_a_crate() {
        assert!(has_switches("axum v0.8.9 []\nkeyward-verifier v0.1.0 (/x) [proofs]\n"));
        assert!(!has_switches("proofs v1.0.0 []\nkeyward-verifier v0.1.0 (/x) []\n"));
    }

    #[test]
    fn an_unknown_crate_needs_a_layer() {
        assert_eq!(wrong("newcomer", ""), [0]);
    }

    #[test]
    fn only_a_whole_name_comes_along() {
        let absence = Absence { package: "domain", direct: false, foreign: &["tokio", "axum"], lesson: "" };
        let tree = "keyward-domain v0.1.0 (/x)\ntokio-util v0.7.1\naxum v0.8.9\naxum v0.8.9 (*)\n";
        assert_eq!(too_much(&absence, tree).collect::<Vec<_>>(), ["axum"]);
    }
}
