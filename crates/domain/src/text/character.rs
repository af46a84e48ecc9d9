//! The effect of a character in a text that people read: visible, blank, or invisible with an effect on others.

/// The effect of a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Character {
    /// A visible character.
    Visible,
    /// White space, or a character that looks like it.
    Blank,
    /// A zero-width joiner or non-joiner, which Persian, Hindi and emoji families use.
    Joiner,
    /// Selects a variant of the visible character before it, such as a coloured heart.
    Selector,
    /// Invisible, or changes the direction of others, or tags them.
    Hidden,
    /// A control character.
    Control,
}

impl Character {
    pub(super) fn of(c: char) -> Self {
        match c {
            ' '..='~' => {
                if c == ' ' {
                    Self::Blank
                } else {
                    Self::Visible
                }
            }
            '\u{200c}' | '\u{200d}' => Self::Joiner,
            '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => Self::Selector,
            // The braille cell without dots, and the Hangul fillers.
            '\u{2800}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => Self::Blank,
            _ if is_hidden(c) => Self::Hidden,
            _ if c.is_control() => Self::Control,
            _ if c.is_whitespace() => Self::Blank,
            _ => Self::Visible,
        }
    }
}

/// Whether a character is ignored when shown (`Default_Ignorable_Code_Point` of Unicode 16), changes the direction of
/// others (`Bidi_Control`), or is a tag, a line separator, a byte order mark of either order, or a noncharacter.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{fdd0}'..='\u{fdef}'
        | '\u{feff}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}'
    ) || u32::from(c) & 0xfffe == 0xfffe
}
