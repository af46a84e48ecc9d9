//! The values that fields may hold, each read by the domain's rule for it.

use std::{fmt, marker::PhantomData, str::FromStr as _};

use keyward_domain::{
    Description, IdleAction, KeyType, Metadata, MetadataPatch, Mid, Name, Period, PeriodError, ScopeSet, ScopeSetError,
    Timestamp, UnknownWord,
};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, SeqAccess, Visitor};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{
    field::{FieldValue, Given, error},
    reader::{Error, read},
};
use crate::http::{
    fields::{Fields, trimmed},
    problem::FieldErrors,
    v1::policies::MaxKeys,
};

impl FieldValue for String {
    type Shape = Self;

    fn read(text: Self) -> Result<Self, FieldErrors> {
        Ok(text)
    }
}

/// Reads values from texts.
macro_rules! by_text {
    ($($value:ty: $read:expr;)*) => {
        $(impl FieldValue for $value {
            type Shape = String;

            fn read(text: String) -> Result<Self, FieldErrors> {
                ($read)(&text).map_err(|it| error(it.to_string()))
            }
        })*
    };
}

by_text! {
    Mid: Mid::from_str;
    Name: Name::parse;
    Description: Description::parse;
    KeyType: key_type;
    IdleAction: IdleAction::from_str;
    Timestamp: Timestamp::from_str;
}

/// Parses a type. Clients of other platforms say `publishable`.
pub(in crate::http) fn key_type(text: &str) -> Result<KeyType, UnknownWord> {
    if text == "publishable" { Ok(KeyType::Public) } else { text.parse() }
}

/// A credential, without the white space around it.
pub(in crate::http) type Credential = Zeroizing<String>;

impl FieldValue for Credential {
    type Shape = String;

    fn read(text: String) -> Result<Self, FieldErrors> {
        Ok(trimmed(text))
    }
}

impl FieldValue for bool {
    type Shape = Flag;

    fn read(Flag(flag): Flag) -> Result<Self, FieldErrors> {
        Ok(flag)
    }
}

/// `true` or `false`.
pub(in crate::http) struct Flag(bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        struct Reader;

        impl Visitor<'_> for Reader {
            type Value = Flag;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true or false")
            }

            fn visit_bool<E>(self, flag: bool) -> Result<Flag, E> {
                Ok(Flag(flag))
            }
        }

        value.deserialize_bool(Reader)
    }
}

/// A whole number, which JSON Schema allows to be written with a fraction of zero.
fn whole(value: &Value) -> Option<u64> {
    let rounded = || value.as_f64().filter(|number| number.fract() == 0.0).map(|number| format!("{number:.0}"));
    value.as_u64().or_else(|| rounded()?.parse().ok())
}

impl FieldValue for Period {
    type Shape = Value;

    fn read(value: Value) -> Result<Self, FieldErrors> {
        let seconds = whole(&value).ok_or(PeriodError);
        seconds.and_then(Self::from_seconds).map_err(|it| error(it.to_string()))
    }
}

impl FieldValue for MaxKeys {
    type Shape = Value;

    fn read(value: Value) -> Result<Self, FieldErrors> {
        let count = whole(&value).and_then(|count| u32::try_from(count).ok()).filter(|count| *count <= Self::MAX);
        count.map(Self).ok_or_else(|| error(format!("must be a whole number from 0 to {}", Self::MAX)))
    }
}

impl FieldValue for Metadata {
    type Shape = Value;

    fn read(value: Value) -> Result<Self, FieldErrors> {
        let (mut errors, mut strings) = (FieldErrors::default(), Vec::new());
        for (name, text) in members(value)? {
            match text {
                Some(text) => strings.push((name, text)),
                None => errors.add(format!("[{name}]"), NO_STRING),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Self::new(strings).map_err(|it| error(it.to_string()))
    }
}

impl FieldValue for MetadataPatch {
    type Shape = Value;

    fn read(value: Value) -> Result<Self, FieldErrors> {
        Self::new(members(value)?).map_err(|it| error(it.to_string()))
    }
}

const NO_STRING: &str = "must be a string";

/// The name of a string, and the string.
type Member = (Box<str>, Option<Box<str>>);

/// The members of an object of strings; null stands for no string.
fn members(value: Value) -> Result<Vec<Member>, FieldErrors> {
    let Value::Object(object) = value else { return Err(error("must be an object of strings")) };
    let mut errors = FieldErrors::default();
    let mut members = Vec::with_capacity(object.len());
    for (name, value) in object {
        match value {
            Value::String(text) => members.push((name.into(), Some(text.into()))),
            Value::Null => members.push((name.into(), None)),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                errors.add(format!("[{name}]"), NO_STRING);
            }
        }
    }
    if errors.is_empty() { Ok(members) } else { Err(errors) }
}

impl FieldValue for ScopeSet {
    type Shape = List<Given<String>>;

    fn read(List(items): Self::Shape) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let mut texts = Vec::with_capacity(items.len());
        for (place, item) in items.into_iter().enumerate() {
            match item.0 {
                Ok(text) => texts.push(text),
                Err(item) => errors.merge(item.below(&format!("[{place}]"))),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let texts = || texts.iter().map(String::as_str);
        Self::parse(texts()).map_err(|_| {
            for error in Self::errors(texts()) {
                errors.add(place_name("", &error), error.to_string());
            }
            errors
        })
    }
}

/// The field of an error: one scope of a list, or the list.
pub(in crate::http) fn place_name(name: &str, error: &ScopeSetError) -> String {
    error.place().map_or_else(|| name.to_owned(), |place| format!("{name}[{place}]"))
}

/// A list of 1 to `MOST` objects, each read as a struct of its own.
pub(in crate::http) struct Objects<T, const MOST: usize>(pub(in crate::http) Vec<Result<T, Error>>);

impl<T: DeserializeOwned, const MOST: usize> FieldValue for Objects<T, MOST> {
    type Shape = List<Value>;

    fn read(List(items): Self::Shape) -> Result<Self, FieldErrors> {
        if !(1..=MOST).contains(&items.len()) {
            return Err(error(format!("must hold 1 to {MOST} objects")));
        }
        let objects = items.into_iter().map(|item| match item {
            Value::Object(object) => Ok(read(Fields::json(object))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(error(format!("must be {}", Value::LIST)))
            }
        });
        objects.collect::<Result<_, _>>().map(Self)
    }
}

/// A list, in JSON or a form.
pub(in crate::http) struct List<T>(Vec<T>);

/// An item of a [`List`].
pub(in crate::http) trait Item: DeserializeOwned {
    /// The required shape of a value, in words.
    const LIST: &'static str;
}

impl Item for Given<String> {
    const LIST: &'static str = "an array of strings";
}

impl Item for Value {
    const LIST: &'static str = "an array of objects";
}

impl<'de, T: Item> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);

        impl<'de, T: Item> Visitor<'de> for Reader<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::LIST)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<List<T>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(List(items))
            }
        }

        value.deserialize_seq(Reader(PhantomData))
    }
}
