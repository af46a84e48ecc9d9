//! Answers that are written by hand, in a third of the instructions that serde takes.
//!
//! [`json_view!`] makes the writer from the struct that the document describes, so there is one list of an answer's
//! fields. Only a text that a client chose may hold characters that JSON escapes; all others are written as they are.

use std::{fmt, io::Write as _};

use axum::{body::Body, response::Response};
use http::{HeaderValue, header};
use keyward_domain::Scopes;

/// A value that writes itself as JSON.
pub(super) trait WriteJson {
    fn write(&self, json: &mut Vec<u8>);

    /// Whether a field with this value is left out.
    fn is_left_out(&self) -> bool {
        false
    }
}

/// Declares a view, and how it is written: its fields in their order. The first one is never left out. A field whose
/// name Rust reserves says `as "type"`.
macro_rules! json_view {
    ($(#[$meta:meta])* $vis:vis struct $name:ident<$life:lifetime> {
        $(#[$first_meta:meta])* $first:ident: $first_type:ty,
        $($(#[$field_meta:meta])* $field:ident $(as $wire:literal)?: $type:ty,)*
    }) => {
        $(#[$meta])*
        $vis struct $name<$life> {
            $(#[$first_meta])* $first: $first_type,
            $($(#[$field_meta])* $field: $type,)*
        }

        impl $crate::http::json_writer::WriteJson for $name<'_> {
            fn write(&self, json: &mut Vec<u8>) {
                use $crate::http::json_writer::WriteJson;
                json.extend_from_slice(concat!("{\"", stringify!($first), "\":").as_bytes());
                WriteJson::write(&self.$first, json);
                $(
                    if !WriteJson::is_left_out(&self.$field) {
                        let name = $crate::http::json_writer::json_view!(@name $field $($wire)?);
                        json.extend_from_slice(name.as_bytes());
                        WriteJson::write(&self.$field, json);
                    }
                )*
                json.push(b'}');
            }
        }
    };
    (@name $field:ident) => {
        concat!(",\"", stringify!($field), "\":")
    };
    (@name $field:ident $wire:literal) => {
        concat!(",\"", $wire, "\":")
    };
}
pub(super) use json_view;

/// The response with this answer, which no cache may store: it may be outdated in a moment.
pub(super) fn no_store(answer: &impl WriteJson, capacity: usize) -> Response {
    let mut json = Vec::with_capacity(capacity);
    answer.write(&mut json);
    let mut response = Response::new(Body::from(json));
    let headers = response.headers_mut();
    headers.reserve(4);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A text of letters, digits and punctuation that JSON does not escape: a mid, a word of the contract.
pub(super) struct Plain<'a>(pub(super) &'a str);

/// A text that a client chose, with any character.
pub(super) struct Text<'a>(pub(super) &'a str);

/// A value that prints as letters, digits and punctuation that JSON does not escape: an id, a time.
pub(super) struct Printed<T>(pub(super) T);

/// A value, or null.
pub(super) struct OrNull<T>(pub(super) Option<T>);

/// Scopes, as a list.
pub(super) struct List<'a>(pub(super) Scopes<'a>);

impl WriteJson for bool {
    fn write(&self, json: &mut Vec<u8>) {
        json.extend_from_slice(if *self { b"true" } else { b"false" });
    }
}

impl WriteJson for Plain<'_> {
    fn write(&self, json: &mut Vec<u8>) {
        plain(json, self.0);
    }
}

impl WriteJson for Text<'_> {
    fn write(&self, json: &mut Vec<u8>) {
        // Counted without an early end: the compiler then compares many bytes at once.
        let escaped = self.0.bytes().filter(|byte| matches!(byte, ..b' ' | b'"' | b'\\')).count();
        if escaped > 0 {
            // Writing a text to a vector cannot fail.
            let _ = serde_json::to_writer(json, self.0);
        } else {
            plain(json, self.0);
        }
    }
}

impl<T: fmt::Display> WriteJson for Printed<T> {
    fn write(&self, json: &mut Vec<u8>) {
        // Writing to a vector cannot fail.
        let _ = write!(json, "\"{}\"", self.0);
    }
}

impl<T: WriteJson> WriteJson for OrNull<T> {
    fn write(&self, json: &mut Vec<u8>) {
        match &self.0 {
            Some(value) => value.write(json),
            None => json.extend_from_slice(b"null"),
        }
    }
}

impl<T: WriteJson> WriteJson for Option<T> {
    fn write(&self, json: &mut Vec<u8>) {
        if let Some(value) = self {
            value.write(json);
        }
    }

    fn is_left_out(&self) -> bool {
        self.is_none()
    }
}

impl WriteJson for List<'_> {
    fn write(&self, json: &mut Vec<u8>) {
        let mut scopes = self.0.iter();
        let Some(first) = scopes.next() else { return json.extend_from_slice(b"[]") };
        json.extend_from_slice(b"[\"");
        json.extend_from_slice(first.as_bytes());
        for scope in scopes {
            json.extend_from_slice(b"\",\"");
            json.extend_from_slice(scope.as_bytes());
        }
        json.extend_from_slice(b"\"]");
    }
}

impl<T: WriteJson> WriteJson for Vec<T> {
    fn write(&self, json: &mut Vec<u8>) {
        array(json, self);
    }
}

impl<T: WriteJson> WriteJson for &T {
    fn write(&self, json: &mut Vec<u8>) {
        (*self).write(json);
    }
}

fn array(json: &mut Vec<u8>, items: impl IntoIterator<Item = impl WriteJson>) {
    json.push(b'[');
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            json.push(b',');
        }
        item.write(json);
    }
    json.push(b']');
}

fn plain(json: &mut Vec<u8>, text: &str) {
    json.push(b'"');
    json.extend_from_slice(text.as_bytes());
    json.push(b'"');
}

#[cfg(test)]
mod tests {
    //! The output is the JSON that serde would write.
    use keyward_domain::ScopeSet;
    use serde_json::{Value, json};

    use super::*;

    json_view! {
        struct Sample<'a> {
            first: bool,
            r#type as "type": Plain<'a>,
            name: Text<'a>,
            scopes: List<'a>,
            none: OrNull<Plain<'a>>,
            some: OrNull<Printed<u32>>,
            left_out: Option<bool>,
            samples: Vec<bool>,
        }
    }

    #[test]
    fn every_character_of_a_text_comes_back() {
        for name in ["My first key", "\"quoted\"", "back\\slash", "Schlüssel – 鍵 🔑", "it's / 100 %", "\u{7f}\n\u{1}"]
        {
            for scopes in ["", "a", "a:b c:* d.e-f_g"] {
                let scopes: ScopeSet = scopes.parse().unwrap();
                let sample = Sample {
                    first: true,
                    r#type: Plain("secret"),
                    name: Text(name),
                    scopes: List(scopes.as_scopes()),
                    none: OrNull(None),
                    some: OrNull(Some(Printed(7))),
                    left_out: None,
                    samples: vec![true, false],
                };
                let mut json = Vec::new();
                sample.write(&mut json);
                let expected = json!({
                    "first": true, "type": "secret", "name": name, "scopes": scopes.iter().collect::<Vec<_>>(),
                    "none": null, "some": "7", "samples": [true, false],
                });
                assert_eq!(serde_json::from_slice::<Value>(&json).unwrap(), expected);
            }
        }
    }

    #[test]
    fn a_view_of_one_field_is_an_object() {
        json_view! {
            struct One<'a> {
                only: bool,
                left_out: Option<Plain<'a>>,
            }
        }
        let mut json = Vec::new();
        One { only: false, left_out: None }.write(&mut json);
        assert_eq!(json, br#"{"only":false}"#);
    }
}
