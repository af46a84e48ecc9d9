//! Texts that people write about keys and accounts: names and descriptions (contract, section 3).
//!
//! Pages and terminals show them, so markup and characters that are hidden or reorder others are invalid.

use std::fmt;

mod character;

use character::Character;

/// Maximum length of a name after trimming, in characters.
pub const MAX_NAME_LEN: usize = 200;
/// Maximum length of a description after trimming, in characters.
pub const MAX_DESCRIPTION_LEN: usize = 500;

/// The name of a key, a pair or an account: 1 to 200 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(Box<str>);

/// A note about a key: at most 500 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Description(Box<str>);

/// Why a text is not a valid name or description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Empty after trimming.
    #[error("must not be empty")]
    Empty,
    /// More characters than allowed.
    #[error("must have at most {max} characters")]
    TooLong {
        /// Maximum number of characters.
        max: usize,
    },
    /// Contains `<` or `>`.
    #[error("must not contain < or >")]
    Markup,
    /// Contains a control character, such as a line break.
    #[error("must not contain control characters")]
    Control,
    /// Contains a character that is invisible or changes the direction of others.
    #[error("must not contain U+{code:04X}, which is invisible or changes how other characters are read")]
    Hidden {
        /// Its code point.
        code: u32,
    },
    /// Contains a zero-width joiner or non-joiner that joins nothing.
    #[error("must have zero-width joiners (U+200D, U+200C) between visible characters only")]
    Joiner,
    /// Contains no visible character.
    #[error("must contain a visible character")]
    Invisible,
}

impl Name {
    /// Parses a name after trimming white space.
    ///
    /// # Errors
    /// [`TextError`] if it is empty or too long, contains `<`, `>` or a forbidden character, or has no visible
    /// character.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let text = clean(text, MAX_NAME_LEN)?;
        if text.is_empty() { Err(TextError::Empty) } else { Ok(Self(text.into())) }
    }

    /// Restores a stored name. It may date from before the current, stricter rules.
    ///
    /// # Errors
    /// [`TextError`] if it was never valid.
    pub fn restore(text: &str) -> Result<Self, TextError> {
        let text = plain(text, MAX_NAME_LEN)?;
        if text.is_empty() { Err(TextError::Empty) } else { Ok(Self(text.into())) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Description {
    /// Parses a description after trimming white space. It may be empty.
    ///
    /// # Errors
    /// [`TextError`] if it is too long, contains `<`, `>` or a forbidden character, or is not empty but has no visible
    /// character.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        clean(text, MAX_DESCRIPTION_LEN).map(|text| Self(text.into()))
    }

    /// Restores a stored description. It may date from before the current, stricter rules.
    ///
    /// # Errors
    /// [`TextError`] if it was never valid.
    pub fn restore(text: &str) -> Result<Self, TextError> {
        plain(text, MAX_DESCRIPTION_LEN).map(|text| Self(text.into()))
    }

    /// The description as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a character is invisible or changes how others are read. Texts from before this rule may contain some: code
/// that displays them must show the code point instead.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    Character::of(c) == Character::Hidden
}

/// Whether a character must not be in any text that pages and terminals show: a control character or a hidden one.
pub(crate) fn is_unprintable(c: char) -> bool {
    matches!(Character::of(c), Character::Control | Character::Hidden)
}

/// Checks the rules for texts of any age: not too long, no markup, no control characters.
fn plain(text: &str, max: usize) -> Result<&str, TextError> {
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

/// Checks the rules for a new text.
fn clean(text: &str, max: usize) -> Result<&str, TextError> {
    let text = plain(text, max)?;
    let (mut seen, mut last) = (text.is_empty(), Character::Blank);
    for c in text.chars() {
        let this = Character::of(c);
        match (last, this) {
            (_, Character::Control) => return Err(TextError::Control),
            // A selector modifies a visible character; alone it shows nothing.
            (_, Character::Hidden) | (Character::Blank | Character::Joiner, Character::Selector) => {
                return Err(TextError::Hidden { code: u32::from(c) });
            }
            (Character::Blank | Character::Joiner, Character::Joiner) | (Character::Joiner, Character::Blank) => {
                return Err(TextError::Joiner);
            }
            (_, Character::Selector) => continue,
            (_, Character::Visible) => seen = true,
            (_, Character::Blank | Character::Joiner) => {}
        }
        last = this;
    }
    if last == Character::Joiner {
        return Err(TextError::Joiner);
    }
    if seen { Ok(text) } else { Err(TextError::Invisible) }
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
#[path = "text/tests.rs"]
mod tests;
