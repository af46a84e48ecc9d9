//! Named fields of a body, read one by one; every error is recorded by field name.
//!
//! A name that differs from a known one only in case, `_`, `-` or a trailing `[]` counts as that name; a field given
//! under two spellings is refused when it is read. Unknown fields are ignored unless a handler checks for them. JSON
//! types are strict; a form has only texts.

use std::{
    borrow::Cow,
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    str::FromStr,
};

use keyward_domain::{ScopeSet, ScopeSetError, TextError};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::problem::{FieldErrors, Problem};

/// The fields of a body and the errors found in them.
pub(super) struct Fields {
    /// By folded name.
    values: BTreeMap<String, Given>,
    is_form: bool,
    faults: FieldErrors,
}

/// One field of a body.
struct Given {
    /// Its name as first spelled.
    name: String,
    value: Value,
    /// Whether it also came under another spelling.
    again: bool,
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

/// The fields of a form, which may be repeated.
#[derive(Default)]
pub(super) struct Form(BTreeMap<String, Vec<Value>>);

impl Form {
    pub(super) fn add(&mut self, name: String, value: Value) {
        self.0.entry(name).or_default().push(value);
    }
}

impl Fields {
    pub(super) fn json(object: Map<String, Value>) -> Self {
        Self::of(object, false)
    }

    /// Takes the fields of a form. A repeated field becomes a list; its reader decides whether that is allowed.
    pub(super) fn form(form: Form) -> Self {
        let one_or_list = |mut values: Vec<Value>| match values.len() {
            1 => values.remove(0),
            _ => Value::Array(values),
        };
        Self::of(form.0.into_iter().map(|(name, values)| (name, one_or_list(values))), true)
    }

    fn of(fields: impl IntoIterator<Item = (String, Value)>, is_form: bool) -> Self {
        let mut values = BTreeMap::new();
        for (name, value) in fields {
            match values.entry(folded(&name).into_owned()) {
                Entry::Vacant(place) => drop(place.insert(Given { name, value, again: false })),
                Entry::Occupied(mut given) => given.get_mut().again = true,
            }
        }
        Self { values, is_form, faults: FieldErrors::default() }
    }

    /// The names that are not in `known`.
    pub(super) fn unknown<'a>(&'a self, known: &'a [&str]) -> impl Iterator<Item = &'a str> {
        let known: Vec<_> = known.iter().map(|known| folded(known)).collect();
        self.values
            .iter()
            .filter(move |(name, _)| !known.iter().any(|known| known == *name))
            .map(|(_, given)| given.name.as_str())
    }

    /// Whether the field is present and not null.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values.get(&*folded(name)).is_some_and(|given| given.again || !given.value.is_null())
    }

    /// A field; `None` and an error if it was given twice.
    fn value(&mut self, name: &str) -> Option<&Value> {
        let given = self.values.get(&*folded(name))?;
        if given.again {
            self.faults.add(name, "must be given once");
            return None;
        }
        Some(&given.value)
    }

    pub(super) fn fault(&mut self, name: &str, message: impl Into<String>) {
        self.faults.add(name, message);
    }

    /// A text; absent and null are equal.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let is_form = self.is_form;
        match self.value(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Array(_)) if is_form => {
                self.faults.add(name, "must be given once");
                None
            }
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                self.faults.add(name, "must be a string");
                None
            }
        }
    }

    /// A required text.
    pub(super) fn required_text(&mut self, name: &str) -> Option<String> {
        if self.has(name) {
            return self.text(name);
        }
        self.faults.add(name, "is required");
        None
    }

    /// A credential, without surrounding white space.
    pub(super) fn credential(&mut self, name: &str) -> Option<Zeroizing<String>> {
        self.text(name).map(trimmed)
    }

    /// A required credential.
    pub(super) fn required_credential(&mut self, name: &str) -> Option<Zeroizing<String>> {
        self.required_text(name).map(trimmed)
    }

    /// A parsed text; `None` if absent or invalid.
    pub(super) fn parse<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Option<T> {
        let text = self.text(name)?;
        // An untouched field of a form arrives empty.
        if self.is_form && text.is_empty() {
            return None;
        }
        text.parse().map_err(|error: T::Err| self.faults.add(name, error.to_string())).ok()
    }

    /// A required parsed text.
    pub(super) fn require<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Option<T> {
        let text = self.required_text(name)?;
        text.parse().map_err(|error: T::Err| self.faults.add(name, error.to_string())).ok()
    }

    /// A name or a description, read by the domain's rule.
    pub(super) fn words<T>(&mut self, name: &str, read: impl FnOnce(&str) -> Result<T, TextError>) -> Option<T> {
        let text = self.text(name)?;
        // An untouched field of a form arrives empty.
        if self.is_form && text.is_empty() {
            return None;
        }
        read(&text).map_err(|error| self.faults.add(name, error.to_string())).ok()
    }

    /// A required name or description.
    pub(super) fn require_words<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, TextError>,
    ) -> Option<T> {
        let text = self.required_text(name)?;
        read(&text).map_err(|error| self.faults.add(name, error.to_string())).ok()
    }

    /// A boolean; false if absent.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        let is_form = self.is_form;
        match self.value(name) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) if is_form && matches!(text.as_str(), "true" | "false" | "") => text == "true",
            Some(Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) => {
                self.faults.add(name, "must be true or false");
                false
            }
        }
    }

    /// A list of scopes; empty if absent. A form repeats the field or separates scopes by commas.
    pub(super) fn scopes(&mut self, name: &str) -> ScopeSet {
        let is_form = self.is_form;
        let texts = match self.value(name) {
            None | Some(Value::Null) => return ScopeSet::empty(),
            Some(Value::Array(items)) => match strings(items) {
                Ok(texts) => texts,
                Err(places) => {
                    for place in places {
                        self.faults.add_with(|| (format!("{name}[{place}]"), "must be a string".to_owned()));
                    }
                    return ScopeSet::empty();
                }
            },
            Some(Value::String(text)) if is_form => vec![text.clone()],
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
                self.faults.add(name, "must be an array of strings");
                return ScopeSet::empty();
            }
        };
        let by_commas = |text: &String| -> Vec<String> { text.split(',').map(|one| one.trim().to_owned()).collect() };
        let texts: Vec<String> = if is_form {
            texts.iter().filter(|text| !text.trim().is_empty()).flat_map(by_commas).collect()
        } else {
            texts
        };
        let texts = || texts.iter().map(String::as_str);
        if let Ok(scopes) = ScopeSet::parse(texts()) {
            return scopes;
        }
        for error in ScopeSet::errors(texts()) {
            self.faults.add(place_name(name, &error), error.to_string());
        }
        ScopeSet::empty()
    }

    /// A required list of 1 to `most` objects, each as its own fields.
    pub(super) fn objects(&mut self, name: &str, most: usize) -> Option<Vec<Fields>> {
        let is_there = self.has(name);
        match self.value(name) {
            Some(Value::Array(items)) if !(1..=most).contains(&items.len()) => {
                self.faults.add(name, format!("must hold 1 to {most} objects"));
                None
            }
            Some(Value::Array(items)) if items.iter().all(Value::is_object) => {
                Some(items.iter().filter_map(Value::as_object).map(|object| Self::json(object.clone())).collect())
            }
            None if is_there => None,
            None | Some(Value::Null) => {
                self.faults.add(name, "is required");
                None
            }
            Some(_) => {
                self.faults.add(name, "must be an array of objects");
                None
            }
        }
    }

    /// The value, if there was no error.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, Problem> {
        self.faults.into_result(value)
    }

    /// The errors found so far.
    pub(super) fn into_faults(self) -> FieldErrors {
        self.faults
    }
}

/// Strips white space around a credential, which comes from files and forms.
pub(super) fn trimmed(text: String) -> Zeroizing<String> {
    let text = Zeroizing::new(text);
    if text.trim().len() == text.len() { text } else { Zeroizing::new(text.trim().to_owned()) }
}

/// The field of an error: one scope of a list, or the list.
pub(super) fn place_name(name: &str, error: &ScopeSetError) -> String {
    error.place().map_or_else(|| name.to_owned(), |place| format!("{name}[{place}]"))
}

/// The texts of a list, or the indices of items that are not texts.
fn strings(items: &[Value]) -> Result<Vec<String>, Vec<usize>> {
    let others = items.iter().enumerate().filter(|(_, item)| !item.is_string());
    let places: Vec<usize> = others.map(|(place, _)| place).collect();
    if !places.is_empty() {
        return Err(places);
    }
    Ok(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
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
