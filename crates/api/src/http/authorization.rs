//! The one reader of `Authorization`, for all calls.
//!
//! Authenticates nothing, and never chooses between two headers: which one counts would be undefined.

use http::{HeaderMap, HeaderValue, header};

/// Content of `Authorization`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Authorization<'a> {
    /// The header is missing or empty.
    Absent,
    /// The credential of the scheme `Bearer` (RFC 6750, section 2.1).
    Bearer(&'a str),
    /// The credential of the scheme `Basic`, still encoded (RFC 7617, section 2).
    Basic(&'a str),
    /// Another scheme, or no credential.
    Garbled,
    /// More than one header.
    Several,
}

impl<'a> Authorization<'a> {
    /// Reads the header. The scheme is case-insensitive; white space around the credential is dropped.
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        let mut lines = headers.get_all(header::AUTHORIZATION).iter().filter(|line| !is_empty(line));
        let Some(line) = lines.next() else { return Self::Absent };
        if lines.next().is_some() {
            return Self::Several;
        }
        let Some((scheme, credential)) = line.to_str().ok().and_then(split) else { return Self::Garbled };
        if scheme.eq_ignore_ascii_case("bearer") {
            Self::Bearer(credential)
        } else if scheme.eq_ignore_ascii_case("basic") {
            Self::Basic(credential)
        } else {
            Self::Garbled
        }
    }
}

/// Whether a header holds only white space, which counts as no header.
pub(super) fn is_empty(line: &HeaderValue) -> bool {
    line.as_bytes().iter().all(u8::is_ascii_whitespace)
}

/// Splits a header into its scheme and the rest, both without surrounding white space.
fn split(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_ascii();
    let end = line.bytes().position(|byte| matches!(byte, b' ' | b'\t'))?;
    let (scheme, credential) = line.split_at(end);
    Some((scheme, credential.trim_ascii_start()))
}

#[cfg(test)]
mod tests {
    //! Every form of the header.
    use super::*;

    fn read<'a>(lines: &[&'static str], into: &'a mut HeaderMap) -> Authorization<'a> {
        for line in lines {
            into.append(header::AUTHORIZATION, HeaderValue::from_static(line));
        }
        Authorization::of(into)
    }

    #[test]
    fn one_header_of_a_known_scheme_counts() {
        use Authorization::{Absent, Basic, Bearer, Garbled, Several};
        for (lines, expected) in [
            (&[][..], Absent),
            (&["", " \t"], Absent),
            (&["Bearer x"], Bearer("x")),
            (&["", "bEARER \t x "], Bearer("x")),
            (&["Bearer\tx"], Bearer("x")),
            (&[" Bearer x y"], Bearer("x y")),
            (&["basic eDp5"], Basic("eDp5")),
            (&["Bearer"], Garbled),
            (&["Bearer "], Garbled),
            (&["Digest x"], Garbled),
            (&["Bearerx y"], Garbled),
            (&["Bearer x", "Bearer x"], Several),
            (&["Digest x", "Bearer x"], Several),
        ] {
            assert_eq!(read(lines, &mut HeaderMap::new()), expected, "{lines:?}");
        }
        let garbage = HeaderValue::from_bytes(b"Bearer \xff").unwrap();
        assert_eq!(Authorization::of(&HeaderMap::from_iter([(header::AUTHORIZATION, garbage)])), Garbled);
    }
}
