//! The precondition of a change: the versions that the changed object must have one of (RFC 9110, section 13.1.1).

/// The versions that an object must have one of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// Any version.
    Any,
    /// One of these; without any, no version.
    OneOf(Vec<u64>),
}

impl IfMatch {
    /// Whether an object with this version may be changed.
    #[must_use]
    pub fn holds(&self, version: u64) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(versions) => versions.contains(&version),
        }
    }
}

#[cfg(test)]
mod tests {
    //! Which versions hold.
    use super::*;

    #[test]
    fn only_a_named_version_holds() {
        assert!(IfMatch::Any.holds(7));
        assert!(IfMatch::OneOf(vec![6, 7]).holds(7));
        assert!(!IfMatch::OneOf(vec![6]).holds(7));
        assert!(!IfMatch::OneOf(vec![]).holds(7));
    }
}
