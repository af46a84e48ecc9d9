//! Closed sets of texts: formatting and parsing, written once.

/// A text that is not a value of a closed set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {expected}")]
pub struct UnknownWord {
    expected: &'static str,
}

impl UnknownWord {
    pub(crate) const fn expected(expected: &'static str) -> Self {
        Self { expected }
    }
}

/// Implements formatting and parsing of a closed set of texts.
macro_rules! text_enum {
    ($name:ty, $expected:literal, $($variant:ident = $word:literal),+ $(,)?) => {
        impl $name {
            /// All texts, in the contract's order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The text that the contract and the database use.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::text_enum::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::text_enum::UnknownWord::expected($expected)),
                }
            }
        }

        #[cfg(feature = "serde")]
        $crate::serde_text::as_text!($name);
    };
}
pub(crate) use text_enum;
