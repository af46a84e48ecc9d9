//! Caddy, as its distribution builds it, with `examples/caddy/Caddyfile`.

use std::{path::Path, process::Command};

use super::fixture::Kind;
use crate::harness::{Daemon, installed, private};

pub(super) struct Caddy;

impl Kind for Caddy {
    const EXAMPLE: &'static str = "examples/caddy/Caddyfile";
    const ADDRESSES: [&'static str; 3] = ["127.0.0.1:8000", "127.0.0.1:8080", "127.0.0.1:9000"];

    fn with_another_node(configuration: &str, address: &str) -> String {
        let readme =
            std::fs::read_to_string(keyward_testkit::run::workspace_root().join("examples/caddy/README.md")).unwrap();
        let retries = ["lb_try_duration 2s", "fail_duration 5s"];
        assert!(retries.iter().all(|line| readme.contains(&format!("`{line}`"))), "the README shows other lines");
        let to = "(question) {\n\tto ";
        assert_eq!(configuration.matches(to).count(), 1);
        configuration.replace(to, &format!("(question) {{\n\t{}\n\tto {address} ", retries.join("\n\t")))
    }

    fn start(folder: &Path, configuration: &str) -> Daemon {
        // Without its admin endpoint, whose address another Caddy of this machine may use.
        private(&folder.join("Caddyfile"), &format!("{{\n\tadmin off\n}}\n{configuration}"));
        let mut command = Command::new(installed("caddy", "caddy"));
        command.args(["run", "--adapter", "caddyfile", "--config", "Caddyfile"]).current_dir(folder).env_clear();
        // It stores its state in its home.
        command.env("HOME", folder).env("XDG_CONFIG_HOME", folder).env("XDG_DATA_HOME", folder);
        Daemon::start(&mut command)
    }
}
