//! Reads a request into the struct that documents it, and reports every error at once.
//!
//! A request is one struct with `#[derive(Deserialize, ToSchema)]`. Each member is a [`Given`], which is required, or
//! an `Option<Given>`, which may be absent or null. The struct is read from JSON and from a form alike: a new field is
//! one member, with its type in the document beside it, and its use.
//!
//! Deserializing a `Given` never fails: it keeps the value or its errors. [`Check`] hands out the values and collects
//! the errors by name, in the order in which the fields are asked for. `#[serde(deny_unknown_fields)]` on the struct
//! refuses unknown members, in the reader and in the document; without it they are ignored.
//!
//! Works only on the deserializer of `reader`. Nothing here knows a route, and no error quotes a value.

use super::problem::{Code, FieldErrors, Problem};

mod field;
mod reader;
mod values;

use field::AnyGiven;
pub(super) use field::{Given, Patched};
pub(super) use reader::{Error, read};
pub(super) use values::{Credential, Objects, key_type, place_name};

/// The errors of a request, by field.
#[derive(Default)]
pub(super) struct Check(FieldErrors);

impl Check {
    /// The value of a field: `None` if it is invalid, which is an error under this name, or an absent optional one.
    pub(super) fn field<F: AnyGiven>(&mut self, name: &str, field: F) -> Option<F::Value> {
        field.given().unwrap_or_else(|errors| {
            self.0.merge(errors.below(name));
            None
        })
    }

    /// The value of a member of a merge patch: `None` if it is invalid or absent, `Some(None)` if it is null.
    #[expect(clippy::option_option, reason = "a merge patch tells a removed member from an absent one")]
    pub(super) fn patched<T>(&mut self, name: &str, member: Patched<T>) -> Option<Option<T>> {
        match member {
            Patched::Absent => None,
            Patched::Null => Some(None),
            Patched::Value(given) => self.field(name, given).map(Some),
        }
    }

    /// Records an error that no single field shows.
    pub(super) fn refuse(&mut self, name: &str, message: impl Into<String>) {
        self.0.add(name, message);
    }

    /// Puts this prefix before the names of all errors so far: `checks[3].`.
    pub(super) fn below(self, place: &str) -> Self {
        Self(self.0.below(place))
    }

    /// The result of `make`, if there was no error: then every required value is there.
    ///
    /// # Errors
    /// A problem that lists every error.
    pub(super) fn finish<T>(self, make: impl FnOnce() -> Option<T>) -> Result<T, Problem> {
        let value = if self.0.is_empty() { make() } else { None };
        self.0.into_result(value)
    }
}

impl Error {
    /// The problem of a body in which a misspelled member must not pass unnoticed (contract, sections 14 and 16).
    pub(super) fn of_strict_body(self) -> Problem {
        match self {
            Self::Unknown { names, known } => {
                let mut errors = FieldErrors::default();
                for name in names {
                    errors.add_with(|| (name, format!("cannot be set (there are {})", known.join(", "))));
                }
                Problem::new(Code::InvalidRequest).field_errors(errors)
            }
            Self::Field(message) => Problem::invalid("body", message),
        }
    }

    /// The problem, for an object at this place in the body: `checks[3].`, or nothing for the body itself.
    pub(super) fn at(self, place: &str) -> Problem {
        match self {
            Self::Unknown { names, known } => {
                let mut errors = FieldErrors::default();
                for name in names {
                    let message = || format!("is no condition (there are {})", known.join(", "));
                    errors.add_with(|| (format!("{place}{name}"), message()));
                }
                Problem::new(Code::UnknownCondition).field_errors(errors)
            }
            Self::Field(message) => Problem::invalid(&format!("{place}body"), message),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        error.at("")
    }
}

#[cfg(test)]
pub(in crate::http) mod testing;
#[cfg(test)]
mod tests;
