//! The members of a body as they came: names folded, values not yet judged. `given` judges them.
//!
//! A name that differs from a known one only in case, `_`, `-` or a trailing `[]` counts as that name. A JSON object
//! that names a member twice is refused here, before anything is read.

use std::{
    borrow::Cow,
    collections::{BTreeMap, btree_map::Entry},
    fmt,
};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::problem::Problem;

/// The members of a body, by folded name.
#[derive(Default)]
pub(super) struct Fields(BTreeMap<String, Member>);

struct Member {
    /// Its name as first spelled.
    name: String,
    came: Came,
}

/// The values under a name.
pub(super) enum Came {
    Json(Value),
    /// Each part of a form with this name; there is at least one.
    Form(Vec<String>),
    /// Values under two spellings of the name.
    Twice,
}

/// Folds a name, so that all its accepted spellings become equal.
pub(super) fn folded(name: &str) -> Cow<'_, str> {
    let name = name.strip_suffix("[]").unwrap_or(name);
    if name.bytes().all(|byte| !matches!(byte, b'_' | b'-' | b'A'..=b'Z')) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(significant(name).collect())
}

/// The characters that distinguish names, in lower case.
fn significant(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(|c| !matches!(c, '_' | '-')).map(|c| c.to_ascii_lowercase())
}

/// The parts of a form, by name as spelled.
#[derive(Default)]
pub(super) struct Form(BTreeMap<String, Vec<String>>);

impl Form {
    pub(super) fn add(&mut self, name: String, text: String) {
        self.0.entry(name).or_default().push(text);
    }
}

impl Fields {
    pub(super) fn json(object: Map<String, Value>) -> Self {
        Self::of(object.into_iter().map(|(name, value)| (name, Came::Json(value))))
    }

    pub(super) fn form(form: Form) -> Self {
        Self::of(form.0.into_iter().map(|(name, texts)| (name, Came::Form(texts))))
    }

    fn of(members: impl Iterator<Item = (String, Came)>) -> Self {
        let mut fields = BTreeMap::new();
        for (name, came) in members {
            match fields.entry(folded(&name).into_owned()) {
                Entry::Vacant(place) => drop(place.insert(Member { name, came })),
                Entry::Occupied(mut member) => member.get_mut().came = Came::Twice,
            }
        }
        Self(fields)
    }

    /// Whether the field is present and not null.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.get(&*folded(name)).is_some_and(|member| !matches!(member.came, Came::Json(Value::Null)))
    }

    /// Takes what came under any spelling of this name.
    pub(super) fn take(&mut self, name: &str) -> Option<Came> {
        self.0.remove(&*folded(name)).map(|member| member.came)
    }

    /// Whether a field is given more than once, under one spelling of its name or several.
    pub(super) fn has_repeated(&self) -> bool {
        self.0.values().any(|member| match &member.came {
            Came::Json(_) => false,
            Came::Form(texts) => texts.len() > 1,
            Came::Twice => true,
        })
    }

    /// The names as first spelled.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(|member| member.name.as_str())
    }
}

/// Strips white space around a credential, which comes from files and forms.
pub(super) fn trimmed(text: String) -> Zeroizing<String> {
    let text = Zeroizing::new(text);
    if text.trim().len() == text.len() { text } else { Zeroizing::new(text.trim().to_owned()) }
}

/// Parses a JSON object, and refuses duplicate members: which of the two counts would be undefined. A leading byte
/// order mark is skipped (RFC 8259, section 8.1).
pub(super) fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, Problem> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let value: Strict = serde_json::from_slice(bytes).map_err(|error| {
        // The rest of serde's message may quote the input, and so a secret.
        let what = if error.is_data() { "names a member twice or is no object" } else { "is malformed" };
        let place = format!("line {} column {}", error.line(), error.column());
        Problem::invalid("body", format!("must be one JSON object ({what} at {place})"))
    })?;
    match value.0 {
        Value::Object(object) => Ok(object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(Problem::invalid("body", "must be a JSON object"))
        }
    }
}

/// A JSON value without duplicate members in any object.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = map.next_entry::<String, Strict>()? {
            if object.insert(name, value).is_some() {
                return Err(serde::de::Error::custom("a member is named twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    //! Which bodies have named fields, and which have none.
    use super::*;

    #[test]
    fn a_body_is_one_json_object_without_duplicate_members() {
        let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        let two = r#"{"mid": "x"}{"mid": "x"}"#;
        let twice = r#"{"mid": "x", "name": "x", "mid": "y"}"#;
        let twice_below = r#"{"mid": "x", "other": [{"a": 1, "a": 1}]}"#;
        let marks = "\u{feff}\u{feff}{}";
        for body in
            ["", " ", "{", "null", "[]", "7", "\"x\"", "{\"mid\": }", "mid=1", two, &deep, twice, twice_below, marks]
        {
            assert!(parse_object(body.as_bytes()).is_err(), "{body}");
        }
        assert!(parse_object(b"{\"mid\": \"\xff\"}").is_err());
        for body in ["{}", " {\"a\": [1, null, {\"a\": -1.5}]}\n", "\u{feff}{\"a\": true}"] {
            assert!(parse_object(body.as_bytes()).is_ok(), "{body}");
        }
    }

    #[test]
    fn a_malformed_body_is_not_quoted() {
        for body in [r#"{"mid": "odd" "odd": 1}"#, r#"{"odd": 1, "odd": 2}"#, "odd"] {
            let problem = format!("{:?}", parse_object(body.as_bytes()).unwrap_err());
            assert!(!problem.contains("odd"), "{problem}");
        }
    }

    #[test]
    fn a_value_is_read_as_it_stands() {
        let text = r#"{"a":[true,null,-7,18446744073709551615,1.5,"é\n",{"b":{}}],"c":""}"#;
        assert_eq!(Value::Object(parse_object(text.as_bytes()).unwrap()).to_string(), text);
    }
}
