//! Versions of objects as HTTP shows them: `ETag` in answers, `If-Match` in requests (RFC 9110, sections 8.8.3 and
//! 13.1.1). Compares nothing with what is stored.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use keyward_app::manage::IfMatch;

/// The header with the version of an object.
pub(super) fn etag(version: u64) -> [(HeaderName, HeaderValue); 1] {
    let value = HeaderValue::try_from(quoted(version)).unwrap_or(HeaderValue::from_static("\"\""));
    [(header::ETAG, value)]
}

/// The version as an entity tag.
pub(super) fn quoted(version: u64) -> String {
    format!("\"{version}\"")
}

/// The precondition of a request. Without the header, or with `*`, each version holds. A tag that this service never
/// sends matches no version, and neither does a weak one, because `If-Match` compares strongly.
pub(super) fn if_match(headers: &HeaderMap) -> IfMatch {
    let values = headers.get_all(header::IF_MATCH).iter();
    let tags: Vec<&str> =
        values.flat_map(|value| value.to_str().unwrap_or_default().split(',')).map(str::trim).collect();
    match tags[..] {
        [] | ["*"] => IfMatch::Any,
        _ => IfMatch::OneOf(tags.into_iter().filter_map(version).collect()),
    }
}

/// The version of an entity tag exactly as this service sends it.
fn version(tag: &str) -> Option<u64> {
    let number = tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()?;
    (quoted(number) == tag).then_some(number)
}

#[cfg(test)]
mod tests {
    //! Which headers name which versions.
    use super::*;

    fn read(values: &[&str]) -> IfMatch {
        let values = values.iter().map(|value| (header::IF_MATCH, HeaderValue::from_str(value).unwrap()));
        if_match(&values.collect())
    }

    #[test]
    fn a_precondition_names_versions() {
        for (values, expected) in [
            (&[][..], IfMatch::Any),
            (&["*"], IfMatch::Any),
            (&["\"7\""], IfMatch::OneOf(vec![7])),
            (&["\"7\", \"8\""], IfMatch::OneOf(vec![7, 8])),
            (&["\"7\",", "\"9\""], IfMatch::OneOf(vec![7, 9])),
            (&["W/\"7\""], IfMatch::OneOf(vec![])),
            (&["7"], IfMatch::OneOf(vec![])),
            (&["\"+7\""], IfMatch::OneOf(vec![])),
            (&["\"007\""], IfMatch::OneOf(vec![])),
            (&["\"7\", *"], IfMatch::OneOf(vec![7])),
            (&["\"other\""], IfMatch::OneOf(vec![])),
            (&[""], IfMatch::OneOf(vec![])),
        ] {
            assert_eq!(read(values), expected, "{values:?}");
        }
        assert_eq!(
            if_match(&etag(3).into_iter().map(|(_, tag)| (header::IF_MATCH, tag)).collect()),
            IfMatch::OneOf(vec![3])
        );
    }
}
