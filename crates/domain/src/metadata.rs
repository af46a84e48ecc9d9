//! Metadata of a key: strings that its owner keeps with it (contract, section 14). Stored and shown, never interpreted.

use std::collections::BTreeMap;

use crate::text::is_unprintable;

/// Maximum number of members.
pub const MAX_METADATA: usize = 50;
/// Maximum length of a member's name, in characters.
pub const MAX_METADATA_NAME_LEN: usize = 40;
/// Maximum length of a member's value, in characters.
pub const MAX_METADATA_VALUE_LEN: usize = 500;

/// At most 50 strings, each with a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata(BTreeMap<Box<str>, Box<str>>);

/// A change of metadata by member (RFC 7396): a new value for each name, or none to remove the member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataPatch(BTreeMap<Box<str>, Option<Box<str>>>);

/// Why strings are not valid metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Too many members.
    #[error("must have at most {MAX_METADATA} members")]
    TooMany,
    /// A name is empty or too long.
    #[error("must have names of 1 to {MAX_METADATA_NAME_LEN} characters")]
    NameLength,
    /// A value is too long.
    #[error("must have values of at most {MAX_METADATA_VALUE_LEN} characters")]
    ValueLength,
    /// A name or a value contains a control character or an invisible one.
    #[error("must not contain control characters or invisible ones")]
    Unprintable,
}

impl Metadata {
    /// No strings.
    #[must_use]
    pub const fn empty() -> Self {
        Self(BTreeMap::new())
    }

    /// Checks strings with their names. A later value of the same name replaces an earlier one.
    ///
    /// # Errors
    /// [`MetadataError`] if there are too many, or a name or value is invalid.
    pub fn new(
        members: impl IntoIterator<Item = (impl Into<Box<str>>, impl Into<Box<str>>)>,
    ) -> Result<Self, MetadataError> {
        let members = members.into_iter().map(|(name, value)| (name.into(), Some(value.into())));
        Self::empty().merged(&MetadataPatch::new(members)?)
    }

    /// Restores stored strings. They may date from before the current rules.
    #[must_use]
    pub fn restore(members: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(members.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// The strings with their names, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These strings after a change by member.
    ///
    /// # Errors
    /// [`MetadataError::TooMany`] if too many members remain.
    pub fn merged(&self, patch: &MetadataPatch) -> Result<Self, MetadataError> {
        let mut members = self.0.clone();
        for (name, value) in &patch.0 {
            match value {
                Some(value) => members.insert(name.clone(), value.clone()),
                None => members.remove(name),
            };
        }
        if members.len() > MAX_METADATA { Err(MetadataError::TooMany) } else { Ok(Self(members)) }
    }
}

impl MetadataPatch {
    /// Checks the changed members.
    ///
    /// # Errors
    /// [`MetadataError`] if there are more than metadata may hold, or a name or value is invalid.
    pub fn new(members: impl IntoIterator<Item = (Box<str>, Option<Box<str>>)>) -> Result<Self, MetadataError> {
        let members: BTreeMap<_, _> = members.into_iter().collect();
        for (name, value) in &members {
            if !(1..=MAX_METADATA_NAME_LEN).contains(&name.chars().count()) {
                return Err(MetadataError::NameLength);
            }
            let value = value.as_deref().unwrap_or_default();
            if value.chars().count() > MAX_METADATA_VALUE_LEN {
                return Err(MetadataError::ValueLength);
            }
            if name.chars().chain(value.chars()).any(is_unprintable) {
                return Err(MetadataError::Unprintable);
            }
        }
        let added = members.values().flatten().count();
        if added > MAX_METADATA { Err(MetadataError::TooMany) } else { Ok(Self(members)) }
    }
}

#[cfg(test)]
mod tests {
    //! Limits of numbers and lengths, and changes by member.
    use super::*;

    fn member(name: &str, value: &str) -> Result<Metadata, MetadataError> {
        Metadata::new([(name, value)])
    }

    fn numbered(count: usize) -> Result<Metadata, MetadataError> {
        Metadata::new((0..count).map(|n| (format!("name {n}"), "value")))
    }

    #[test]
    fn names_and_values_have_lengths_in_characters() {
        for (name, value, expected) in [
            ("n", "", None),
            (&*"ö".repeat(40), &*"ö".repeat(500), None),
            ("", "v", Some(MetadataError::NameLength)),
            (&"n".repeat(41), "v", Some(MetadataError::NameLength)),
            ("n", &"v".repeat(501), Some(MetadataError::ValueLength)),
            ("a\u{0}", "v", Some(MetadataError::Unprintable)),
            ("n", "line\nbreak", Some(MetadataError::Unprintable)),
            ("n", "left\u{202e}right", Some(MetadataError::Unprintable)),
            ("n", "<b> & {json: \"text\"}", None),
        ] {
            assert_eq!(member(name, value).err(), expected, "{name:?} {value:?}");
        }
        assert!(numbered(MAX_METADATA).is_ok());
        assert_eq!(numbered(MAX_METADATA + 1), Err(MetadataError::TooMany));
    }

    #[test]
    fn a_patch_replaces_adds_and_removes_single_members() {
        let before = Metadata::new([("a", "1"), ("b", "2")]).unwrap();
        let patch = MetadataPatch::new([
            ("a".into(), None),
            ("b".into(), Some("3".into())),
            ("c".into(), Some("4".into())),
            ("unknown".into(), None),
        ]);
        let after = before.merged(&patch.unwrap()).unwrap();
        assert_eq!(after.iter().collect::<Vec<_>>(), [("b", "3"), ("c", "4")]);
    }

    #[test]
    fn a_full_object_takes_no_more_members_unless_others_go() {
        let full = numbered(MAX_METADATA).unwrap();
        let add = MetadataPatch::new([("one more".into(), Some("v".into()))]).unwrap();
        assert_eq!(full.merged(&add), Err(MetadataError::TooMany));
        let exchange = MetadataPatch::new([("one more".into(), Some("v".into())), ("name 0".into(), None)]).unwrap();
        assert!(full.merged(&exchange).is_ok());
    }
}
