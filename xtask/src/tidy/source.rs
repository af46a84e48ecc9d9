//! Rust source taken apart into code, string literals and comments, so that a rule about one is not set off by another.
//!
//! It knows just enough of the language for that; it never parses, and what it does not understand counts as code.

/// The parts of one file.
pub(super) struct Source {
    /// The text with comments and the insides of literals blanked out; lines stay where they are.
    pub(super) code: String,
    /// Each string literal with the line on which it begins.
    pub(super) strings: Vec<(usize, String)>,
}

/// What the reader is in the middle of.
enum Part {
    Code,
    LineComment,
    /// How deep they are nested.
    BlockComment(usize),
    /// A string literal: how many `#` end it, and whether a backslash escapes.
    Text {
        hashes: usize,
        raw: bool,
    },
}

pub(super) fn take_apart(text: &str) -> Source {
    let chars: Vec<char> = text.chars().collect();
    let mut source = Source { code: String::with_capacity(text.len()), strings: Vec::new() };
    let (mut at, mut line, mut part) = (0, 1, Part::Code);
    while let Some(&c) = chars.get(at) {
        let next = chars.get(at + 1).copied();
        let mut width = 1;
        let mut shown = false;
        match part {
            Part::Code => match (c, next) {
                ('/', Some('/')) => part = Part::LineComment,
                ('/', Some('*')) => (part, width) = (Part::BlockComment(1), 2),
                ('"', _) => {
                    part = text_after(&chars[..at]);
                    source.strings.push((line, String::new()));
                    shown = true;
                }
                ('\'', _) => (width, shown) = (char_literal(&chars[at..]).unwrap_or(1), true),
                _ => shown = true,
            },
            Part::LineComment => {
                if c == '\n' {
                    part = Part::Code;
                }
            }
            Part::BlockComment(depth) => match (c, next) {
                ('/', Some('*')) => (part, width) = (Part::BlockComment(depth + 1), 2),
                ('*', Some('/')) if depth == 1 => (part, width) = (Part::Code, 2),
                ('*', Some('/')) => (part, width) = (Part::BlockComment(depth - 1), 2),
                _ => {}
            },
            Part::Text { hashes, raw } => {
                let ends = c == '"' && chars[at + 1..].iter().take(hashes).filter(|it| **it == '#').count() == hashes;
                if ends {
                    (part, shown) = (Part::Code, true);
                } else {
                    width = if c == '\\' && !raw && next.is_some() { 2 } else { 1 };
                    if let Some((_, string)) = source.strings.last_mut() {
                        string.extend(&chars[at..at + width]);
                    }
                }
            }
        }
        // A literal's insides are blanked even where its quotes are shown.
        let shown_width = usize::from(shown);
        for (index, it) in chars[at..at + width].iter().enumerate() {
            line += usize::from(*it == '\n');
            source.code.push(if *it == '\n' || index < shown_width { *it } else { ' ' });
        }
        at += width;
    }
    source
}

/// What a quote opens, by the prefix before it: `r`, `br`, `cr` with hashes are raw.
fn text_after(before: &[char]) -> Part {
    let hashes = before.iter().rev().take_while(|it| **it == '#').count();
    let mut prefix = before[..before.len() - hashes].iter().rev();
    let is_prefix = prefix.next() == Some(&'r');
    // `r` as the end of a name is no prefix, but a name cannot stand right before a quote anyway.
    if is_prefix { Part::Text { hashes, raw: true } } else { Part::Text { hashes: 0, raw: false } }
}

/// The length of a character literal at the start, `None` where the quote begins a lifetime.
fn char_literal(chars: &[char]) -> Option<usize> {
    match chars.get(1)? {
        // Whatever the escape: it ends at the next quote after the escaped character.
        '\\' => chars.iter().skip(3).position(|it| *it == '\'').map(|end| end + 4),
        _ => (chars.get(2) == Some(&'\'')).then_some(3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        take_apart(text).code
    }

    fn strings(text: &str) -> Vec<String> {
        take_apart(text).strings.into_iter().map(|(_, string)| string).collect()
    }

    #[test]
    fn comments_are_blank_and_lines_stay() {
        assert_eq!(code("a // todo!()\nb /* x /* y */ z */ c"), "a           \nb                   c");
    }

    #[test]
    fn strings_are_collected_with_their_lines_and_blanked() {
        let source = take_apart("let a = \"one\";\nlet b = r#\"two \"x\" //\"#;");
        assert_eq!(source.strings, [(1, "one".to_owned()), (2, "two \"x\" //".to_owned())]);
        assert_eq!(source.code, "let a = \"   \";\nlet b = r#\"          \"#;");
    }

    #[test]
    fn an_escaped_quote_does_not_end_a_string_but_a_raw_one_has_no_escapes() {
        assert_eq!(strings(r#"f("a\"b", "c")"#), [r#"a\"b"#, "c"]);
        assert_eq!(strings(r#"f(r"a\", "c")"#), [r"a\", "c"]);
    }

    #[test]
    fn a_quote_as_a_character_opens_nothing_and_a_lifetime_is_no_literal() {
        assert_eq!(strings("match c { '\"' => 1, '\\'' => 2, b'\\\\' => 3 } \"x\""), ["x"]);
        assert_eq!(code("fn f<'a>(x: &'a str) -> '\"' g"), "fn f<'a>(x: &'a str) -> '   g");
    }

    #[test]
    fn a_string_over_several_lines_keeps_the_count() {
        assert_eq!(take_apart("\"a\n\nb\" \"c\"").strings[1], (3, "c".to_owned()));
    }
}
