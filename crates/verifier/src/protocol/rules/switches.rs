//! The macro that declares rules. Declares none itself.

/// Declares rules: a struct of switches with the feature `proofs`, an empty struct without it. Code reads them through
/// methods, which exist in both cases.
macro_rules! rules {
    (
        $(#[$about:meta])* pub struct $name:ident {
            $($(#[$doc:meta])* $rule:ident,)*
            $(@ $(#[$inner_doc:meta])* $inner:ident: $of:ty,)?
        }
    ) => {
        $(#[$about])*
        #[cfg(feature = "proofs")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $name {
            $($(#[$doc])* pub $rule: bool,)*
            $($(#[$inner_doc])* pub $inner: $of,)?
        }

        $(#[$about])*
        #[cfg(not(feature = "proofs"))]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub struct $name {}

        #[cfg(feature = "proofs")]
        impl $name {
            /// All rules on.
            pub const ALL: Self = Self { $($rule: true,)* $($inner: <$of>::ALL,)? };

            /// Each rule of this value by its name, and whether it is on.
            #[must_use]
            pub fn switches(&self) -> Vec<(&'static str, bool)> {
                vec![$((stringify!($rule), self.$rule)),*]
            }

            $($(#[$doc])* #[must_use] pub const fn $rule(&self) -> bool { self.$rule })*
            $($(#[$inner_doc])* #[must_use] pub const fn $inner(&self) -> $of { self.$inner })?
        }

        #[cfg(not(feature = "proofs"))]
        impl $name {
            /// All rules on.
            pub const ALL: Self = Self {};

            $($(#[$doc])* #[must_use] pub const fn $rule(&self) -> bool { true })*
            $($(#[$inner_doc])* #[must_use] pub const fn $inner(&self) -> $of { <$of>::ALL })?
        }
    };
}
pub(super) use rules;
