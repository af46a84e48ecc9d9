//! The texts that people write about keys and accounts: names and descriptions (contract, section 3).
//!
//! They are shown on pages and in terminals, so neither markup nor characters that hide or turn others ever get in.

use std::fmt;

mod character;

use character::Character;

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
    /// A character that is not seen, or that changes the direction in which others are read.
    #[error("must not contain U+{code:04X}, which is invisible or changes how other characters are read")]
    Hidden {
        /// Its code point.
        code: u32,
    },
    /// A zero-width joiner or non-joiner that joins nothing.
    #[error("must have zero-width joiners (U+200D, U+200C) between visible characters only")]
    Joiner,
    /// Nothing that can be seen.
    #[error("must contain a visible character")]
    Invisible,
}

impl Name {
    /// Reads a name; white space around it is dropped.
    ///
    /// # Errors
    /// [`TextError`] if nothing is left, or it is too long, holds `<`, `>` or a character that must not be shown, or
    /// nothing of it can be seen.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let text = clean(text, MAX_NAME_LEN)?;
        if text.is_empty() { Err(TextError::Empty) } else { Ok(Self(text.into())) }
    }

    /// Takes back a name that was stored. It may have been given before the rule was as strict as now.
    ///
    /// # Errors
    /// [`TextError`] if it could never have been given.
    pub fn restore(text: &str) -> Result<Self, TextError> {
        let text = plain(text, MAX_NAME_LEN)?;
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
    /// [`TextError`] if it is too long, holds `<`, `>` or a character that must not be shown, or nothing of it can be
    /// seen.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        clean(text, MAX_DESCRIPTION_LEN).map(|text| Self(text.into()))
    }

    /// Takes back a description that was stored. It may have been given before the rule was as strict as now.
    ///
    /// # Errors
    /// [`TextError`] if it could never have been given.
    pub fn restore(text: &str) -> Result<Self, TextError> {
        plain(text, MAX_DESCRIPTION_LEN).map(|text| Self(text.into()))
    }

    /// The description.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a character is not seen, or changes how others are read. Texts from before the rule may hold some: what
/// shows them to people writes the code point instead.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    Character::of(c) == Character::Hidden
}

/// The rule of every text, however old: not too long, no markup, no control characters.
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

/// The rule of a text that somebody gives now.
fn clean(text: &str, max: usize) -> Result<&str, TextError> {
    let text = plain(text, max)?;
    let (mut seen, mut last) = (text.is_empty(), Character::Blank);
    for c in text.chars() {
        let this = Character::of(c);
        match (last, this) {
            (_, Character::Control) => return Err(TextError::Control),
            // A form of what is seen; alone it is nothing.
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
