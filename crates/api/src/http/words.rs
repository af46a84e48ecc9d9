//! The texts that requests may hold, for the document, as closely as a pattern can describe what the domain accepts.
//!
//! Never reads a request: the domain parses these texts. Enumerations in answers stay open, because later versions may
//! add values.

use std::borrow::Cow;

use keyward_domain::{
    IdleAction, KeyStatus, KeyType, MAX_DESCRIPTION_LEN, MAX_METADATA, MAX_METADATA_NAME_LEN, MAX_METADATA_VALUE_LEN,
    MAX_NAME_LEN, MAX_SCOPE_LEN, Permission, Reason,
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, SchemaType, Type},
    },
};

/// Declares a type that stands for a text in the document: its name there, its description and its rule.
macro_rules! described {
    ($($word:ident as $name:literal, $description:literal: $rule:expr;)+) => {$(
        #[doc = $description]
        pub(super) enum $word {}

        impl PartialSchema for $word {
            fn schema() -> RefOr<Schema> {
                $rule.schema_type(Type::String).description(Some($description)).into()
            }
        }

        impl ToSchema for $word {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed($name)
            }
        }
    )+};
}

described! {
    KeyTypeWord as "KeyType", "What a key is for; `publishable` is read as `public`.":
        one_of(KeyType::WORDS.iter().copied().chain(["publishable"]));

    StateWord as "ListedState", "Which keys a list shows.": one_of(listed_states());

    IdleActionWord as "IdleAction", "What happens to an idle key.": one_of(IdleAction::WORDS.iter().copied());

    ReasonWord as "RevocationReason", "Why a key is revoked.": one_of(Reason::WORDS.iter().copied());

    ScopeWord as "Scope",
        "A scope: segments separated by `:`, with `*` only as the last one. Those that begin with `api-keys`, \
         `merchants`,\n`audit` or `webhooks` are this service's own.":
        matching(format!(
            "^((?!(api-keys|merchants|audit|webhooks)(:|$))[a-z0-9_.-]+(:[a-z0-9_.-]+)*(:[*])?|{}|\
             (api-keys|merchants|audit|webhooks):[*])$",
            Permission::ALL.map(Permission::scope).join("|"),
        ))
        .max_length(Some(MAX_SCOPE_LEN));

    MidWord as "Mid", "An account's name for clients. It does not start with `key_`.":
        matching("^(?!key_)[A-Za-z0-9_-]+$".to_owned()).max_length(Some(64));

    NameWord as "Name",
        "1 to 200 characters, one visible, without `<`, `>`, control characters and those that hide or turn others. \
         White\nspace around it is dropped and does not count.":
        matching(format!("^{SPACE}{}{SPACE}$", visible(MAX_NAME_LEN)));

    DescriptionWord as "Description", "Up to 500 characters, as those of a name, or none.":
        matching(format!("^{SPACE}({}{SPACE})?$", visible(MAX_DESCRIPTION_LEN)));
}

/// Strings with their names, for the document.
pub(super) enum MetadataWord {}

/// Changes of strings by name, for the document.
pub(super) enum MetadataPatchWord {}

impl PartialSchema for MetadataPatchWord {
    fn schema() -> RefOr<Schema> {
        let kind = SchemaType::Array(vec![Type::String, Type::Null]);
        strings_by_name(kind, "A string for each name to add or replace, null for each to remove.").into()
    }
}

impl ToSchema for MetadataPatchWord {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("MetadataPatch")
    }
}

/// An object of values of this type by name.
fn strings_by_name(kind: SchemaType, description: &str) -> ObjectBuilder {
    let value = ObjectBuilder::new().schema_type(kind).max_length(Some(MAX_METADATA_VALUE_LEN));
    let name =
        ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(MAX_METADATA_NAME_LEN));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(value))
        .property_names(Some(name))
        .description(Some(description))
}

impl PartialSchema for MetadataWord {
    fn schema() -> RefOr<Schema> {
        let description = "At most 50 strings of up to 500 characters; each name has 1 to 40 characters. Without \
                           control characters and those that are invisible.";
        strings_by_name(Type::String.into(), description).max_properties(Some(MAX_METADATA)).into()
    }
}

impl ToSchema for MetadataWord {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Metadata")
    }
}

/// White space that is dropped.
const SPACE: &str = r"[\t-\r ]*";
/// A visible character.
const VISIBLE: &str = r"[^\u0000-\u0020\u007f-\u009f<>]";
/// A character within a text.
const INNER: &str = r"[^\u0000-\u001f\u007f-\u009f<>]";

/// The pattern of 1 to `most` characters of which the first and the last are visible.
fn visible(most: usize) -> String {
    format!("{VISIBLE}({INNER}{{0,{}}}{VISIBLE})?", most - 2)
}

fn one_of(words: impl Iterator<Item = &'static str>) -> ObjectBuilder {
    ObjectBuilder::new().enum_values(Some(words))
}

fn matching(pattern: String) -> ObjectBuilder {
    ObjectBuilder::new().pattern(Some(pattern))
}

/// The values of `state`, in the order of the document.
pub(super) fn listed_states() -> impl Iterator<Item = &'static str> {
    let statuses =
        [KeyStatus::Active, KeyStatus::Revoked, KeyStatus::Expired, KeyStatus::Suspended, KeyStatus::Pending];
    statuses.map(KeyStatus::as_str).into_iter().chain(["all"])
}

#[cfg(test)]
mod tests {
    //! A list can show the keys of every status.
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_states_of_a_list_are_those_of_a_key_and_all() {
        let states = KeyStatus::WORDS.iter().copied().chain(["all"]);
        assert_eq!(listed_states().collect::<BTreeSet<_>>(), states.collect());
    }
}
