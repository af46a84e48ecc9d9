//! The ways to run the service that the repository offers, each as far as this machine can test it: the image and
//! compose.yaml without a container engine, the unit without a running systemd.

mod compose;
mod image;
mod unit;

/// A file of the repository.
fn read(name: &str) -> String {
    let path = keyward_testkit::run::workspace_root().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
