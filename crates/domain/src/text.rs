//! The texts that people write about keys and accounts: names and descriptions (contract, section 3).
//!
//! They are shown on pages and in terminals, so markup and control characters never get in.

use std::fmt;

/// How many characters a name may have after trimming.
pub const MAX_NAME_LEN: usize = 200;
/// How many characters a description may have after trimming.
pub const MAX_DESCRIPTION_LEN: usize = 500;

/// The name of a key, a pair or an account: 1 to 200 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(Box<str>);

/// What somebody noted about a key: up to 500 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Description(Box<str>);

/// Why a text may not be a name or a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing is left after trimming.
    #[error("must not be empty")]
    Empty,
    /// More characters than allowed.
    #[error("must have at most {max} characters")]
    TooLong {
        /// How many are allowed.
        max: usize,
    },
    /// `<` or `>`.
    #[error("must not contain < or >")]
    Markup,
    /// A control character, a line break among them.
    #[error("must not contain control characters")]
    Control,
}

impl Name {
    /// Reads a name; white space around it is dropped.
    ///
    /// # Errors
    /// [`TextError`] if nothing is left, or it is too long, or holds `<`, `>` or a control character.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let text = clean(text, MAX_NAME_LEN)?;
        if text.is_empty() { Err(TextError::Empty) } else { Ok(Self(text.into())) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Description {
    /// Reads a description; white space around it is dropped, and it may be empty.
    ///
    /// # Errors
    /// [`TextError`] if it is too long or holds `<`, `>` or a control character.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        clean(text, MAX_DESCRIPTION_LEN).map(|text| Self(text.into()))
    }

    /// The description.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn clean(text: &str, max: usize) -> Result<&str, TextError> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err(TextError::Control);
    }
    if text.contains(['<', '>']) {
        return Err(TextError::Markup);
    }
    if text.chars().count() > max {
        return Err(TextError::TooLong { max });
    }
    Ok(text)
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    //! The boundaries of the rule.
    use super::*;

    #[test]
    fn a_name_has_one_to_two_hundred_characters_after_trimming() {
        assert_eq!(Name::parse("  My API Key\u{a0} ").unwrap().as_str(), "My API Key");
        assert_eq!(Name::parse(""), Err(TextError::Empty));
        assert_eq!(Name::parse(" \t "), Err(TextError::Empty));
        assert!(Name::parse(&"é".repeat(200)).is_ok());
        assert_eq!(Name::parse(&"é".repeat(201)), Err(TextError::TooLong { max: 200 }));
    }

    #[test]
    fn a_description_may_be_empty_and_has_at_most_five_hundred() {
        assert_eq!(Description::parse("").unwrap().as_str(), "");
        assert!(Description::parse(&"x".repeat(500)).is_ok());
        assert_eq!(Description::parse(&"x".repeat(501)), Err(TextError::TooLong { max: 500 }));
    }

    #[test]
    fn neither_markup_nor_control_characters_get_in() {
        for (text, error) in [
            ("a<b", TextError::Markup),
            ("a>b", TextError::Markup),
            ("a\nb", TextError::Control),
            ("a\u{0}b", TextError::Control),
            ("a\u{7f}b", TextError::Control),
            ("a\u{85}b", TextError::Control),
        ] {
            assert_eq!(Name::parse(text), Err(error), "{text:?}");
            assert_eq!(Description::parse(text), Err(error), "{text:?}");
        }
    }
}
