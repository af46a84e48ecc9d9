//! Rust source as code and as string literals, so that a rule about one ignores the other and comments.
//!
//! It reads tokens, and never parses.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The parts of one file.
pub(super) struct Source {
    /// Each line without comments, literals of text and blanks, except one blank between two names.
    pub(super) code: Vec<String>,
    /// Each string literal, as written, with its first line.
    pub(super) strings: Vec<(usize, String)>,
}

/// Separates the parts of a file; `None` if it is not Rust.
pub(super) fn take_apart(text: &str) -> Option<Source> {
    let mut source = Source { code: vec![String::new(); text.lines().count()], strings: Vec::new() };
    source.read(text.parse().ok()?);
    Some(source)
}

/// Whether a character may be a part of a name.
pub(super) fn in_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

impl Source {
    fn read(&mut self, tokens: TokenStream) {
        for token in tokens {
            let line = token.span().start().line;
            match token {
                TokenTree::Group(group) if is_doc(&group.stream()) => {}
                TokenTree::Group(group) => {
                    let (open, close) = match group.delimiter() {
                        Delimiter::Parenthesis => ("(", ")"),
                        Delimiter::Brace => ("{", "}"),
                        Delimiter::Bracket => ("[", "]"),
                        Delimiter::None => ("", ""),
                    };
                    self.put(line, open);
                    self.read(group.stream());
                    self.put(group.span_close().start().line, close);
                }
                TokenTree::Literal(literal) => match literal.to_string() {
                    number if number.starts_with(|first: char| first.is_ascii_digit()) => self.put(line, &number),
                    character if character.trim_start_matches('b').starts_with('\'') => {}
                    string => self.strings.push((line, string)),
                },
                TokenTree::Ident(ident) => self.put(line, &ident.to_string()),
                TokenTree::Punct(punct) => self.put(line, &punct.to_string()),
            }
        }
    }

    fn put(&mut self, line: usize, token: &str) {
        let code = &mut self.code[line - 1];
        if code.ends_with(in_name) && token.starts_with(in_name) {
            code.push(' ');
        }
        code.push_str(token);
    }
}

/// Whether these tokens are a doc comment: it is an attribute.
fn is_doc(tokens: &TokenStream) -> bool {
    matches!(tokens.clone().into_iter().next(), Some(TokenTree::Ident(ident)) if ident == "doc")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_texts_are_not_code() {
        let text =
            "// todo!()\nfn f<'a>() { g(\"one\", '\"', 0x1f) } // dbg!()\n/* x */ let b = r#\"two\n\"x\" //\"#;\n";
        let source = take_apart(text).unwrap();
        assert_eq!(source.code, ["", "fn f<'a>(){g(,,0x1f)}", "let b=", ";"]);
        assert_eq!(source.strings, [(2, "\"one\"".to_owned()), (3, "r#\"two\n\"x\" //\"#".to_owned())]);
        assert_eq!(take_apart("/// dbg!(\"x\")\nfn f() {}").unwrap().strings, []);
        assert!(take_apart("fn f( {").is_none());
    }
}
