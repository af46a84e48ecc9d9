//! Files for packagers, and the version of the binary: without any installation.

use crate::harness::{Place, installed, run, shell};

#[test]
fn the_version_names_the_commit() {
    let version = Place::embedded().keyward().words("--version").run().success().out;
    let root = keyward_testkit::run::workspace_root();
    let head = shell("git rev-parse --verify --quiet HEAD || true", root).success().out;
    // A copy of the sources without their history has no commit.
    let commit = head.get(..12).map(|commit| format!(" ({commit})")).unwrap_or_default();
    assert_eq!(version, format!("keyward {}{commit}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completion_and_manual_need_no_settings_and_name_every_command() {
    let place = Place::embedded();
    // Settings with which no other command would start.
    let keyward = || place.keyward().env("KEYWARD_LISTEN", "nowhere").env("KEYWARD_ENVIRONMENT", "production");
    keyward().words("account list").run().refuses_with(&["KEYWARD_LISTEN"]);
    let help = keyward().words("help").run().success().out;
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.contains(&"health") && commands.len() > 8, "{help}");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = keyward().words("completion").words(shell).run().success().out;
        for command in &commands {
            assert!(script.contains(command), "{shell} does not complete {command}");
        }
    }
    let page = keyward().words("man").run().success().out;
    assert!(
        page.contains(".TH keyward 1") && commands.iter().all(|it| page.contains(&it.replace('-', "\\-"))),
        "{page}"
    );
    keyward().words("man --out man1").run().success();
    for command in commands.iter().copied().chain(["key-revoke", "account-close"]) {
        let path = place.folder().join(format!("man1/keyward-{command}.1"));
        assert!(path.is_file(), "there is no {}", path.display());
    }
}

#[test]
fn bash_completes_commands_options_and_words() {
    let place = Place::embedded();
    let script = place.keyward().words("completion bash").run().success().out;
    std::fs::write(place.folder().join("keyward.bash"), script).unwrap();
    let complete = |words: &str| {
        let (count, last) = (words.split(' ').count(), words.split(' ').next_back().unwrap());
        let lines = format!(
            ". ./keyward.bash; COMP_WORDS=({words} ''); COMP_CWORD={count}; _keyward keyward '' {last}; \
             echo \"${{COMPREPLY[@]}}\""
        );
        let bash = installed("bash", "bash");
        run(&bash, ["-c", &lines], place.folder()).success().out
    };
    assert!(complete("keyward key").contains("verify"), "{}", complete("keyward key"));
    let reasons = complete("keyward key revoke --reason");
    assert!(reasons.contains("no_longer_needed"), "{reasons}");
}
