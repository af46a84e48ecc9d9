//! Rust source as code and as string literals, so that a rule about one ignores the other and comments.
//!
//! It reads tokens, and never parses.

use proc_macro2::{Delimiter, LineColumn, TokenStream, TokenTree};

/// The parts of one file.
pub(super) struct Source {
    /// The text without comments and literals of text; everything else keeps its place.
    pub(super) code: String,
    /// Each string literal, as written, with its first line.
    pub(super) strings: Vec<(usize, String)>,
}

/// Separates the parts of a file; `None` if it is not Rust.
pub(super) fn take_apart(text: &str) -> Option<Source> {
    let mut lines: Vec<Vec<char>> = text.lines().map(|line| vec![' '; line.chars().count()]).collect();
    let mut strings = Vec::new();
    read(text.parse().ok()?, &mut lines, &mut strings);
    let lines: Vec<String> = lines.into_iter().map(String::from_iter).collect();
    Some(Source { code: lines.join("\n"), strings })
}

fn read(tokens: TokenStream, lines: &mut [Vec<char>], strings: &mut Vec<(usize, String)>) {
    for token in tokens {
        let at = token.span().start();
        match token {
            TokenTree::Group(group) if is_doc(&group.stream()) => {}
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                put(lines, at, open);
                put(lines, group.span_close().start(), close);
                read(group.stream(), lines, strings);
            }
            TokenTree::Literal(literal) => {
                let literal = literal.to_string();
                if literal.starts_with(|first: char| first.is_ascii_digit()) {
                    put(lines, at, &literal);
                } else if !literal.trim_start_matches('b').starts_with('\'') {
                    strings.push((at.line, literal));
                }
            }
            TokenTree::Ident(ident) => put(lines, at, &ident.to_string()),
            TokenTree::Punct(punct) => put(lines, at, &punct.to_string()),
        }
    }
}

/// Whether these tokens are a doc comment: it is an attribute.
fn is_doc(tokens: &TokenStream) -> bool {
    matches!(tokens.clone().into_iter().next(), Some(TokenTree::Ident(ident)) if ident == "doc")
}

fn put(lines: &mut [Vec<char>], at: LineColumn, token: &str) {
    let places = lines.get_mut(at.line.wrapping_sub(1)).into_iter().flatten().skip(at.column);
    places.zip(token.chars()).for_each(|(place, c)| *place = c);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_texts_are_blank_and_the_rest_keeps_its_place() {
        let text =
            "// todo!()\nfn f<'a>() { g(\"one\", '\"', 0x1f) } // dbg!()\n/* x */ let b = r#\"two\n\"x\" //\"#;\n";
        let source = take_apart(text).unwrap();
        let lines: Vec<&str> = source.code.lines().map(str::trim_end).collect();
        assert_eq!(lines, ["", "fn f<'a>() { g(     ,    , 0x1f) }", "        let b =", "        ;"]);
        assert_eq!(source.strings, [(2, "\"one\"".to_owned()), (3, "r#\"two\n\"x\" //\"#".to_owned())]);
    }

    #[test]
    fn a_doc_comment_is_not_code() {
        assert_eq!(take_apart("/// dbg!(\"x\")\nfn f() {}").unwrap().strings, []);
    }

    #[test]
    fn what_is_not_rust_is_none() {
        assert!(take_apart("fn f( {").is_none());
    }
}
