//! Secrets that must be found nowhere, in the encodings in which they might occur.

use std::fmt::Write as _;

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};

/// Texts that must not occur.
#[derive(Debug, Default)]
pub(super) struct Needles(Vec<Vec<u8>>);

impl Needles {
    /// A secret value of a key: completely, and the random part alone.
    pub(super) fn add_value(&mut self, value: &str) {
        assert_eq!(value.len(), 83, "a value has 83 characters");
        self.add(value.as_bytes());
        // After `sk_test_` and the id, before the checksum.
        self.add(&value.as_bytes()[34..77]);
    }

    /// A token: completely, and its signature or the sealed part alone.
    pub(super) fn add_token(&mut self, token: &str) {
        self.add(token.as_bytes());
        let end = token.rsplit('.').next().unwrap_or(token);
        self.add(&end.as_bytes()[end.len().saturating_sub(43)..]);
    }

    /// The bytes of the master key: raw, in hexadecimal, in base64.
    pub(super) fn add_master_key(&mut self, bytes: &[u8]) {
        assert_eq!(bytes.len(), 32, "one version");
        self.add(bytes);
        let mut hex = String::new();
        for byte in bytes {
            write!(hex, "{byte:02x}").unwrap();
        }
        self.add(hex.as_bytes());
        self.add(hex.to_uppercase().as_bytes());
        self.add(BASE64_STANDARD.encode(bytes).trim_end_matches('=').as_bytes());
        self.add(BASE64_URL_SAFE_NO_PAD.encode(bytes).as_bytes());
        // As `Debug` of a slice prints it.
        self.add(format!("{bytes:?}").trim_matches(['[', ']']).as_bytes());
    }

    /// Any other text.
    pub(super) fn add(&mut self, text: &[u8]) {
        assert!(text.len() >= 20, "too short to be sure: {}", String::from_utf8_lossy(text));
        self.0.push(text.to_vec());
    }

    /// Checks that none of them occurs. The message shows only the beginning: it is a log too.
    #[track_caller]
    pub(super) fn are_not_in(&self, place: &str, haystack: &[u8]) {
        assert!(!haystack.is_empty(), "{place} is empty: nothing was searched");
        for needle in &self.0 {
            if let Some(at) = position(needle, haystack) {
                let around = &haystack[at.saturating_sub(300)..at + 10];
                panic!("a secret is in {place}, after: {}", String::from_utf8_lossy(around));
            }
        }
    }

    /// Checks that at least one of them occurs, so that the search would find it elsewhere too.
    #[track_caller]
    pub(super) fn are_found_in(&self, place: &str, haystack: &[u8]) {
        assert!(self.0.iter().any(|needle| position(needle, haystack).is_some()), "no secret is in {place}");
    }
}

fn position(needle: &[u8], haystack: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
