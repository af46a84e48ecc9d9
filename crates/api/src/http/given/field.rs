//! A field of a request, and what a value must offer to stand in one.
//!
//! Knows no value and no request: `values` has those, each with the domain's rule for it.

use serde::de::{Deserialize, DeserializeOwned, Deserializer};

use crate::http::problem::FieldErrors;

/// A value that a field may hold.
pub(in crate::http) trait FieldValue: Sized {
    /// The JSON or form value that it is written as.
    type Shape: DeserializeOwned;

    /// Reads the value by its own rule.
    ///
    /// # Errors
    /// The errors: those of the value itself under the empty name, those of an item of a list under `[3]`.
    fn read(shape: Self::Shape) -> Result<Self, FieldErrors>;
}

/// A field of a request: its value, or what is wrong with it.
pub(in crate::http) struct Given<T>(pub(super) Result<T, FieldErrors>);

impl<'de, T: FieldValue> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(field: D) -> Result<Self, D::Error> {
        Ok(Self(match T::Shape::deserialize(field) {
            Ok(shape) => T::read(shape),
            // Of another type, absent, or given twice.
            Err(wrong) => Err(error(wrong.to_string())),
        }))
    }
}

/// A member of a merge patch (RFC 7396): absent, null, or a value with what is wrong with it.
#[derive(Default)]
pub(in crate::http) enum Patched<T> {
    /// The member is absent: what it names stays as it is.
    #[default]
    Absent,
    /// The member is null: what it names is removed.
    Null,
    /// The member has a value.
    Value(Given<T>),
}

impl<'de, T: FieldValue> Deserialize<'de> for Patched<T> {
    fn deserialize<D: Deserializer<'de>>(member: D) -> Result<Self, D::Error> {
        Ok(Option::<Given<T>>::deserialize(member)?.map_or(Self::Null, Self::Value))
    }
}

/// A required field, or an optional one.
pub(in crate::http) trait AnyGiven {
    type Value;

    /// The value, if there is one.
    fn given(self) -> Result<Option<Self::Value>, FieldErrors>;
}

impl<T> AnyGiven for Given<T> {
    type Value = T;

    fn given(self) -> Result<Option<T>, FieldErrors> {
        self.0.map(Some)
    }
}

impl<T> AnyGiven for Option<Given<T>> {
    type Value = T;

    fn given(self) -> Result<Option<T>, FieldErrors> {
        self.map(|field| field.0).transpose()
    }
}

/// An error of the value as a whole.
pub(super) fn error(message: impl Into<String>) -> FieldErrors {
    let mut errors = FieldErrors::default();
    errors.add("", message);
    errors
}
