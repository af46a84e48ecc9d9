//! The boundaries of the rules for texts.

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
fn markup_and_control_characters_are_refused() {
    for (text, error) in [
        ("a<b", TextError::Markup),
        ("a>b", TextError::Markup),
        ("a\nb", TextError::Control),
        ("a\u{0}b", TextError::Control),
        ("a\u{7f}b", TextError::Control),
        ("a\u{85}b", TextError::Control),
    ] {
        assert_eq!(Name::parse(text), Err(error), "{text:?}");
        assert_eq!(Name::restore(text), Err(error), "{text:?}");
        assert_eq!(Description::parse(text), Err(error), "{text:?}");
        assert_eq!(Description::restore(text), Err(error), "{text:?}");
    }
}

#[test]
fn characters_that_hide_or_reorder_others_are_refused() {
    for c in [
        '\u{ad}',
        '\u{34f}',
        '\u{61c}',
        '\u{180e}',
        '\u{200b}',
        '\u{200e}',
        '\u{200f}',
        '\u{2028}',
        '\u{2029}',
        '\u{202a}',
        '\u{202e}',
        '\u{2060}',
        '\u{2066}',
        '\u{2069}',
        '\u{206f}',
        '\u{feff}',
        '\u{fff9}',
        '\u{fffe}',
        '\u{1d173}',
        '\u{e0001}',
        '\u{e0041}',
        '\u{e007f}',
        '\u{10ffff}',
    ] {
        for text in [format!("a{c}b"), format!("{c}a"), format!("a{c}"), c.to_string()] {
            // Trimmed as white space.
            if text.trim() == text {
                let error = Err(TextError::Hidden { code: u32::from(c) });
                assert_eq!(Name::parse(&text), error, "{text:?}");
                assert_eq!(Description::parse(&text).map(|_| ()), error.map(|_: Name| ()), "{text:?}");
            }
        }
        assert!(is_hidden(c), "{c:?}");
    }
    assert!(['a', ' ', 'é', '鍵', '\u{200d}', '\u{fe0f}'].into_iter().all(|c| !is_hidden(c)));
}

#[test]
fn a_text_has_a_visible_character() {
    for text in ["\u{2800}", "\u{3164}", "\u{115f}\u{1160}", "\u{ffa0} \u{2800}"] {
        assert_eq!(Name::parse(text), Err(TextError::Invisible), "{text:?}");
        assert_eq!(Description::parse(text), Err(TextError::Invisible), "{text:?}");
    }
    assert!(Name::parse("\u{2800}x").is_ok());
}

#[test]
fn a_joiner_stands_between_visible_characters_and_a_selector_behind_one() {
    for text in ["👩\u{200d}🚀", "❤\u{fe0f}\u{200d}🔥", "می\u{200c}خواهم", "क्\u{200d}ष", "❤\u{fe0f} x"]
    {
        assert!(Name::parse(text).is_ok(), "{text:?}");
    }
    for text in ["\u{200d}", "\u{200d}a", "a\u{200d}", "a\u{200d} b", "a \u{200c}b", "a\u{200d}\u{200d}b"] {
        assert_eq!(Name::parse(text), Err(TextError::Joiner), "{text:?}");
    }
    for text in ["\u{fe0f}", "\u{fe0f}a", "a \u{fe0f}", "a\u{200d}\u{fe0f}b"] {
        assert!(matches!(Name::parse(text), Err(TextError::Hidden { .. })), "{text:?}");
    }
}

#[test]
fn a_text_stored_before_the_rule_is_restored() {
    for text in ["a\u{202e}b", "\u{3164}", "\u{200b}", "a\u{feff}b"] {
        assert!(Name::parse(text).is_err());
        assert_eq!(Name::restore(text).unwrap().as_str(), text);
        assert_eq!(Description::restore(text).unwrap().as_str(), text);
    }
    assert_eq!(Name::restore(" "), Err(TextError::Empty));
}
