//! What the command line accepts, and what it means.

use super::*;

fn parse(words: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(words.split_whitespace())
}

#[test]
fn the_grammar_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn all_commands_of_the_manual_are_there() {
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
        "keyward key create --mid M --name N --type secret --scope charges:read --scope customers:* --out f",
        "keyward key pair --mid M --name N --scope api-keys:* --scope merchants:* --out f",
        "keyward key list --mid M --state active --type public",
        "keyward key revoke key_01h2xcejqtf2nbrexx3vqjhp41 --reason compromised",
        "keyward signing-key rotate",
        "keyward doctor --environment production",
    ] {
        assert!(parse(words).is_ok(), "{words}: {:?}", parse(words).err().map(|error| error.to_string()));
    }
}

#[test]
fn wrong_usage_ends_with_two() {
    for words in [
        "keyward sreve",
        "keyward account create --role king --name N",
        "keyward account create --role platform --name <b>",
        "keyward key revoke M",
        "keyward key revoke key_01h2xcejqtf2nbrexx3vqjhp41 --reason boredom",
        "keyward key create --mid M --name N --type secret --value sk_test_x",
        "keyward migrate --listen 127.0.0.1:0",
    ] {
        assert_eq!(parse(words).err().map(|error| error.exit_code()), Some(2), "{words}");
    }
}

#[test]
fn flags_before_and_after_serve_mean_the_same() {
    for words in
        ["keyward --listen a:1 --demo", "keyward --listen a:1 serve --demo", "keyward serve --listen a:1 --demo"]
    {
        let Cli { serve, command, .. } = parse(words).unwrap();
        let serve = match command {
            Some(Command::Serve(mine)) => mine.or(serve),
            _ => serve,
        };
        assert_eq!(serve.settings(), [("listen", "a:1".to_owned()), ("demo", "true".to_owned())], "{words}");
    }
}
