//! `docs/commands.md` shows the help of every command, as the binary prints it.

use crate::harness::{Page, Place};

/// Collects the help of a command and of all below it: the command line that prints it, and the output.
fn collect(place: &Place, words: &str, into: &mut Vec<String>) {
    let asked = format!("help {words}");
    let help = place.keyward().words(&asked).run().success().out;
    let (_, commands) = help.split_once("\nCommands:\n").unwrap_or_default();
    let names: Vec<String> = commands
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect();
    if names.is_empty() || words.is_empty() {
        into.push(format!("$ keyward {}\n{help}", asked.trim_end()));
    }
    for name in names {
        collect(place, format!("{words} {name}").trim_start(), into);
    }
}

#[test]
fn the_page_shows_the_help_of_every_command() {
    let mut expected = Vec::new();
    collect(&Place::embedded(), "", &mut expected);
    assert!(expected.len() > 15, "{expected:?}");
    let shown = Page::read("docs/commands.md").blocks("text");
    for (place, help) in expected.iter().enumerate() {
        assert_eq!(shown.get(place), Some(help), "docs/commands.md, its block {}", place + 1);
    }
    assert_eq!(shown.len(), expected.len(), "docs/commands.md shows another command");
}
