//! The column of a key's metadata: one JSON object of strings for both databases.

use std::collections::BTreeMap;

use keyward_domain::Metadata;

/// The column value of metadata; none if it is empty.
#[must_use]
pub fn metadata_column(metadata: &Metadata) -> Option<String> {
    let members: BTreeMap<&str, &str> = metadata.iter().collect();
    // An object of strings always has a JSON text.
    (!metadata.is_empty()).then(|| serde_json::to_string(&members).unwrap_or_default())
}

/// The metadata of a column value; none if it is corrupt.
pub(super) fn metadata(column: Option<&str>) -> Option<Metadata> {
    let Some(text) = column else { return Some(Metadata::empty()) };
    let members: BTreeMap<String, String> = serde_json::from_str(text).ok()?;
    Some(Metadata::restore(members))
}

#[cfg(test)]
mod tests {
    //! Metadata is what it was after a round trip, and a corrupt column is none.
    use super::*;

    #[test]
    fn metadata_is_restored_as_it_was_stored() {
        for members in [vec![], vec![("a", "1"), ("b", "\"quoted\" ünïcode \\")]] {
            let stored = Metadata::new(members).unwrap();
            assert_eq!(metadata(metadata_column(&stored).as_deref()), Some(stored));
        }
        assert_eq!(metadata_column(&Metadata::empty()), None);
    }

    #[test]
    fn a_corrupt_column_is_no_metadata() {
        for text in ["", "[]", "{\"a\": 1}", "{\"a\": null}"] {
            assert_eq!(metadata(Some(text)), None, "{text}");
        }
    }
}
