//! The deserializer under `given`: gives a struct of a request the members of a body.
//!
//! Folded names, `null`, and what a form writes differently from JSON end here. Values are judged elsewhere.

use std::{borrow::Cow, fmt, slice};

use serde::{
    de::{
        self, DeserializeOwned, Deserializer, Expected, IntoDeserializer, MapAccess, Unexpected, Visitor,
        value::{MapDeserializer, SeqDeserializer, UnitDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::Value;

use crate::http::fields::{Came, Fields};

/// Why a field or a struct could not be read.
#[derive(Debug)]
pub(in crate::http) enum Error {
    /// An error in a field.
    Field(Cow<'static, str>),
    /// Members that the struct does not have, and those that it has.
    Unknown { names: Vec<String>, known: &'static [&'static str] },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(message) => f.write_str(message),
            Self::Unknown { .. } => f.write_str("holds unknown members"),
        }
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Field(message.to_string().into())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Field(format!("must be {expected}").into())
    }

    fn missing_field(_: &'static str) -> Self {
        ABSENT
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        Self::Unknown { names: vec![name.to_owned()], known }
    }
}

const ABSENT: Error = Error::Field(Cow::Borrowed("is required"));
const TWICE: Error = Error::Field(Cow::Borrowed("must be given once"));

/// Reads the struct of a request.
///
/// # Errors
/// Unknown members, where the struct denies them.
pub(in crate::http) fn read<T: DeserializeOwned>(fields: Fields) -> Result<T, Error> {
    T::deserialize(Request(fields))
}

/// The members of a body, for a struct.
struct Request(Fields);

impl<'de> Deserializer<'de> for Request {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_struct("", &[], visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(Members { names: names.iter(), fields: self.0, next: None })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// The members in the order of the struct; then what it does not have.
struct Members {
    names: slice::Iter<'static, &'static str>,
    /// Members that were not yet taken.
    fields: Fields,
    next: Option<Came>,
}

impl<'de> MapAccess<'de> for Members {
    type Error = Error;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        for name in self.names.by_ref() {
            if let Some(came) = self.fields.take(name) {
                self.next = Some(came);
                return seed.deserialize((*name).into_deserializer()).map(Some);
            }
        }
        // One unknown name shows whether the struct denies them.
        let Some(name) = self.fields.names().next() else { return Ok(None) };
        let key = seed.deserialize(name.into_deserializer()).map_err(|error| match error {
            Error::Unknown { known, .. } => {
                Error::Unknown { names: self.fields.names().map(str::to_owned).collect(), known }
            }
            Error::Field(_) => error,
        })?;
        self.fields = Fields::default();
        Ok(Some(key))
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        match self.next.take() {
            Some(came) => seed.deserialize(Field(came)),
            None => seed.deserialize(UnitDeserializer::new()),
        }
    }
}

/// The value of a field.
struct Field(Came);

impl<'de> Deserializer<'de> for Field {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Came::Twice => Err(TWICE),
            Came::Json(Value::Null) => Err(ABSENT),
            Came::Json(value) => Json(value).deserialize_any(visitor),
            Came::Form(mut texts) => match (texts.pop(), texts.pop()) {
                (Some(text), None) => visitor.visit_string(text),
                _ => Err(TWICE),
            },
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let is_absent = match &self.0 {
            Came::Json(value) => value.is_null(),
            // An untouched field of a form arrives empty.
            Came::Form(texts) => matches!(texts.as_slice(), [text] if text.is_empty()),
            Came::Twice => false,
        };
        if is_absent { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Came::Form(texts) = &self.0 else { return self.deserialize_any(visitor) };
        match texts.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["true"] => visitor.visit_bool(true),
            ["false"] => visitor.visit_bool(false),
            _ => Err(de::Error::invalid_type(Unexpected::Other("text"), &visitor)),
        }
    }

    /// A form repeats a field, or separates its values by commas.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Came::Form(texts) = &self.0 else { return self.deserialize_any(visitor) };
        let given = texts.iter().filter(|text| !text.trim().is_empty());
        visitor.visit_seq(SeqDeserializer::new(given.flat_map(|text| text.split(',')).map(str::trim)))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct
        tuple tuple_struct map struct enum identifier
    }
}

/// A JSON value.
struct Json(Value);

impl<'de> Deserializer<'de> for Json {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(flag),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (None, Some(number)) => visitor.visit_i64(number),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or_default()),
            },
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => visitor.visit_seq(SeqDeserializer::new(items.into_iter().map(Self))),
            Value::Object(members) => {
                visitor.visit_map(MapDeserializer::new(members.into_iter().map(|(name, value)| (name, Self(value)))))
            }
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl IntoDeserializer<'_, Error> for Json {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}
