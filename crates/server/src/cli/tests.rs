//! The grammar of the command line, its examples and its documentation.

use clap::CommandFactory as _;

use super::*;

fn parse(words: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(words.split_whitespace())
}

#[test]
fn the_grammar_is_valid() {
    Cli::command().debug_assert();
}

#[test]
fn all_commands_of_the_manual_are_accepted() {
    for words in [
        "keyward",
        "keyward --listen 127.0.0.1:0 --data-dir d --demo",
        "keyward serve --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 --environment sandbox --config f --demo",
        "keyward migrate --config f",
        "keyward --data-dir d account list",
        "keyward account create --role platform --name N --mid M",
        "keyward account create --role partner --name N --parent M --data-dir d",
        "keyward account suspend M",
        "keyward account resume M",
        "keyward account close M",
        "keyward account close M --yes",
        "keyward key create --mid M --name N --type secret --scope charges:read --scope customers:* --out f",
        "keyward key pair --mid M --name N --scope api-keys:* --scope merchants:* --out f",
        "keyward key create --mid M --name N --type public --expires-at 30d",
        "keyward key show key_01h2xcejqtf2nbrexx3vqjhp41",
        "keyward key update key_01h2xcejqtf2nbrexx3vqjhp41 --name x --metadata a=b --remove-metadata c --scope a:b",
        "keyward key update key_01h2xcejqtf2nbrexx3vqjhp41 --clear expires-at --clear scopes --if-match 3",
        "keyward key suspend key_01h2xcejqtf2nbrexx3vqjhp41",
        "keyward key resume key_01h2xcejqtf2nbrexx3vqjhp41 --format json",
        "keyward key list --mid M --state active --type public",
        "keyward key list --mid M --format json",
        "keyward account create --role platform --name N --format json",
        "keyward account suspend M --format table",
        "keyward account close M --yes --format json",
        "keyward key create --mid M --name N --type public --expires-at 1s --format table",
        "keyward key pair --mid M --name N --format json",
        "keyward key revoke key_01h2xcejqtf2nbrexx3vqjhp41 --format table",
        "keyward signing-key rotate --format json",
        "keyward backup f --format json",
        "keyward key verify --scope charges:read --type public --mid M --format table",
        "keyward key revoke key_01h2xcejqtf2nbrexx3vqjhp41 --reason compromised --yes",
        "keyward signing-key rotate",
        "keyward doctor --environment production --format json",
        "keyward health --ready --timeout 2s --listen 127.0.0.1:8080",
        "keyward completion fish",
        "keyward man --out d",
    ] {
        assert!(parse(words).is_ok(), "{words}: {:?}", parse(words).err().map(|error| error.to_string()));
    }
}

#[test]
fn wrong_usage_exits_with_two() {
    for words in [
        "keyward sreve",
        "keyward account create --role king --name N",
        "keyward account create --role platform --name <b>",
        "keyward key revoke M",
        "keyward key revoke key_01h2xcejqtf2nbrexx3vqjhp41 --reason boredom",
        "keyward key create --mid M --name N --type secret --value sk_test_x",
        "keyward key create --mid M --name N --type secret --expires-at tomorrow",
        "keyward key create --mid M --name N --type secret --expires-at 999ms",
        "keyward key verify sk_test_x",
        "keyward health --listen localhost:1",
        "keyward health --listen 127.0.0.1:0",
        "keyward serve --listen localhost:8080",
        "keyward --metrics-listen 9090",
        "keyward migrate --data-dir postgres://h/db",
        "keyward migrate --config postgres://h/db",
        "keyward key list --mid M --format xml",
        "keyward account list --environment prod",
        "keyward health --timeout 5",
        "keyward migrate --listen 127.0.0.1:0",
    ] {
        assert_eq!(parse(words).err().map(|error| error.exit_code()), Some(2), "{words}");
    }
}

/// All commands with their words, including nested ones.
fn all_commands() -> Vec<(String, clap::Command)> {
    let mut all = vec![("keyward".to_owned(), Cli::command())];
    let mut seen = 0;
    while let Some((words, command)) = all.get(seen).cloned() {
        let nested = command.get_subcommands().map(|it| (format!("{words} {}", it.get_name()), it.clone()));
        all.extend(nested);
        seen += 1;
    }
    all
}

/// The words of a shell line that begins with `keyward`, up to a pipe, a file or a comment.
fn shell_words(line: &str) -> Vec<String> {
    let line = line.split("   ").next().unwrap_or_default();
    let mut words = Vec::new();
    for (place, part) in line.split('\'').enumerate() {
        if place % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    let end = words.iter().position(|word| ["|", ">", "<"].contains(&word.as_str())).unwrap_or(words.len());
    words.truncate(end);
    words
}

#[test]
fn every_example_of_the_help_is_a_command() {
    let mut tried = 0;
    for (words, command) in all_commands() {
        let Some(after) = command.get_after_help().map(ToString::to_string) else { continue };
        for line in
            after.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(char::is_numeric))
        {
            let line = line.strip_prefix("eval \"$(").and_then(|line| line.strip_suffix(")\"")).unwrap_or(line);
            assert!(line.starts_with(&words), "an example of `{words}` is of another command: {line}");
            let example = shell_words(line);
            if example.get(1).is_some_and(|word| word == "help") {
                continue;
            }
            let parsed = Cli::try_parse_from(&example);
            assert!(parsed.is_ok(), "{line}: {:?}", parsed.err().map(|error| error.to_string()));
            tried += 1;
        }
    }
    assert!(tried > 15, "only {tried} examples were found");
}

#[test]
fn every_command_has_an_example() {
    let lacks = |(words, command): &(String, clap::Command)| {
        let is_a_group = command.has_subcommands() && words != "keyward";
        let has_one = command.get_after_help().is_some_and(|after| after.to_string().contains("  keyward "));
        (!is_a_group && !has_one).then(|| words.clone())
    };
    let lacking: Vec<_> = all_commands().iter().filter_map(lacks).collect();
    assert!(lacking.is_empty(), "there is no example in the help of {lacking:?}");
}

#[test]
fn an_option_with_a_closed_set_of_values_lists_them() {
    let help = |words: &str| {
        let all = all_commands();
        let (_, command) = all.into_iter().find(|(found, _)| found == words).unwrap();
        command.clone().render_long_help().to_string()
    };
    for (words, values) in [
        ("keyward account create", "[possible values: platform, partner, merchant]"),
        ("keyward key create", "[possible values: secret, public, tokenization]"),
        ("keyward key list", "[possible values: active, pending, suspended, expired, revoked]"),
        ("keyward key revoke", "[possible values: unspecified, compromised, superseded, no_longer_needed]"),
        ("keyward", "[possible values: sandbox, production]"),
    ] {
        assert!(help(words).contains(values), "{}", help(words));
    }
}

#[test]
fn exit_codes_are_in_the_help_and_on_the_page() {
    let help = Cli::command().render_help().to_string();
    let page = include_str!("../../../../docs/commands.md");
    for (code, meaning) in Exit::table() {
        assert!(help.contains(&format!("  {code}  {meaning}\n")), "{help}");
        assert!(page.contains(&format!("\n| {code} | {meaning} |\n")), "docs/commands.md lacks {code}: {meaning}");
    }
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit()).count();
    assert_eq!(rows, Exit::table().count(), "docs/commands.md has other exit codes");
}

#[test]
fn flags_before_and_after_serve_mean_the_same() {
    for words in [
        "keyward --listen [::]:1 --demo",
        "keyward --listen [::]:1 serve --demo",
        "keyward serve --listen [::]:1 --demo",
    ] {
        let Cli { serve, command, .. } = parse(words).unwrap();
        let serve = match command {
            Some(Command::Serve(mine)) => mine.or(serve),
            _ => serve,
        };
        assert_eq!(serve.settings(), [("listen", "[::]:1".to_owned()), ("demo", "true".to_owned())], "{words}");
    }
}

/// `cargo run` starts the program with the variables that the build script sets.
#[test]
fn no_variable_of_the_build_is_a_setting() {
    let script = include_str!("../../build.rs");
    assert!(script.contains("rustc-env=") && !script.contains("rustc-env=KEYWARD_"));
}
