//! The texts that requests may hold, for the document. The domain parses them; these types only describe what it
//! accepts, as closely as a pattern can.
//!
//! Enumerations in answers stay open: later versions may add values.

#![expect(dead_code, reason = "describes in the document what the domain reads")]

use utoipa::ToSchema;

/// What a key is for; `publishable` is read as `public`.
#[derive(ToSchema)]
#[schema(as = KeyType, rename_all = "lowercase")]
pub(super) enum KeyTypeWord {
    Secret,
    Public,
    Tokenization,
    Publishable,
}

/// Which keys a list shows.
#[derive(ToSchema)]
#[schema(as = ListedState, rename_all = "lowercase")]
pub(super) enum StateWord {
    Active,
    Revoked,
    Expired,
    Pending,
    All,
}

/// The same words, for a refusal.
pub(super) const STATE_WORDS: &str = "active, revoked, expired, pending, all";

/// Why a key is revoked.
#[derive(ToSchema)]
#[schema(as = RevocationReason, rename_all = "snake_case")]
pub(super) enum ReasonWord {
    Unspecified,
    Compromised,
    Superseded,
    NoLongerNeeded,
}

/// A scope: segments separated by `:`, with `*` only as the last one. Those that begin with `api-keys`, `merchants`,
/// `audit` or `webhooks` are this service's own.
#[derive(ToSchema)]
#[schema(
    as = Scope, value_type = String, max_length = 64,
    pattern = "^((?!(api-keys|merchants|audit|webhooks)(:|$))[a-z0-9_.-]+(:[a-z0-9_.-]+)*(:[*])?|\
        api-keys:write|api-keys:read|api-keys:verify|merchants:read|merchants:write|\
        (api-keys|merchants|audit|webhooks):[*])$"
)]
pub(super) struct ScopeWord(String);

/// An account's name for clients. It does not start with `key_`.
#[derive(ToSchema)]
#[schema(as = Mid, value_type = String, max_length = 64, pattern = "^(?!key_)[A-Za-z0-9_-]+$")]
pub(super) struct MidWord(String);

/// 1 to 200 characters, one visible, without `<`, `>`, control characters and those that hide or turn others. White
/// space around it is dropped and does not count.
#[derive(ToSchema)]
#[schema(
    as = Name, value_type = String,
    pattern = "^[\\t-\\r ]*[^\\u0000-\\u0020\\u007f-\\u009f<>]\
        ([^\\u0000-\\u001f\\u007f-\\u009f<>]{0,198}[^\\u0000-\\u0020\\u007f-\\u009f<>])?[\\t-\\r ]*$"
)]
pub(super) struct NameWord(String);

/// Up to 500 characters, as those of a name, or none.
#[derive(ToSchema)]
#[schema(
    as = Description, value_type = String,
    pattern = "^[\\t-\\r ]*([^\\u0000-\\u0020\\u007f-\\u009f<>]\
        ([^\\u0000-\\u001f\\u007f-\\u009f<>]{0,498}[^\\u0000-\\u0020\\u007f-\\u009f<>])?[\\t-\\r ]*)?$"
)]
pub(super) struct DescriptionWord(String);

#[cfg(test)]
mod tests {
    //! A pattern must cover every scope of this service.
    use keyward_domain::Permission;
    use utoipa::PartialSchema as _;

    use super::*;

    #[test]
    fn the_pattern_of_a_scope_holds_every_scope_of_this_service() {
        let schema = serde_json::to_value(ScopeWord::schema()).unwrap();
        let scopes = Permission::ALL.map(Permission::scope).join("|");
        assert!(schema["pattern"].as_str().unwrap().contains(&format!("|{scopes}|")), "{schema}");
    }
}
