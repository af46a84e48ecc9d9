//! The requirements and failures of each operation: the one table that completes the document.
//!
//! A test compares it with every answer of every other test, and provokes each refusal that it names.

use keyward_domain::Permission;

use super::super::problem::Code;

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needed {
    /// No credential is needed.
    Open,
    /// Any caller with a valid credential, in either header of the call for gateways.
    Gateway,
    /// Any caller with a valid bearer credential.
    Any,
    /// Callers with this scope.
    Scope(Permission),
}

/// The facts of an operation.
pub(super) struct Facts {
    pub(super) access: Needed,
    /// The problems that it can return.
    pub(super) codes: Vec<Code>,
    /// Whether caches must not store its success. They must not store a problem of any operation.
    pub(super) no_store: bool,
}

/// Operations whose successes caches may store: none of them answers a `GET` about an account or a key.
const WITHOUT_NO_STORE: [&str; 6] =
    ["register_merchant", "revoke_key", "get_readiness", "get_health", "get_signing_keys", "get_oauth_metadata"];

/// Problems of every call with a credential.
const CALLER: &[Code] = &[
    Code::InvalidRequest,
    Code::InvalidCredential,
    Code::WrongEnvironment,
    Code::InsufficientScope,
    Code::TooManyAttempts,
    Code::TooManyRequests,
    Code::Internal,
    Code::Unavailable,
    Code::Timeout,
];
/// Additional problems of a call with a body.
const BODY: &[Code] = &[Code::BodyTooLarge, Code::UnsupportedMediaType];
/// Additional problems of a change.
const CHANGE: &[Code] = &[Code::OutcomeUnknown];

/// The facts of an operation, by its name in the document.
pub(super) fn of(operation: &str) -> Option<Facts> {
    use Permission::{ReadKeys, VerifyKeys, WriteKeys};
    let (access, parts): (Needed, &[&[Code]]) = match operation {
        "create_key" => (
            Needed::Scope(WriteKeys),
            &[
                CALLER,
                BODY,
                CHANGE,
                &[Code::ScopeNotHeld, Code::AccountNotFound, Code::AccountNotActive, Code::TooManyKeys],
            ],
        ),
        "create_pair" => (
            Needed::Scope(WriteKeys),
            &[
                CALLER,
                BODY,
                CHANGE,
                &[Code::ScopeNotHeld, Code::AccountNotFound, Code::AccountNotActive],
                &[Code::TooManyKeys, Code::LockOut],
            ],
        ),
        "change_key" => (
            Needed::Scope(WriteKeys),
            &[
                CALLER,
                BODY,
                CHANGE,
                &[Code::KeyNotFound, Code::OwnKey, Code::ScopeNotHeld],
                // Never `LockOut`: the caller is another manager key of its account, and stays one.
                &[Code::PreconditionFailed, Code::KeyNotActive],
            ],
        ),
        "suspend_key" => (
            Needed::Scope(WriteKeys),
            &[CALLER, CHANGE, &[Code::KeyNotFound, Code::PreconditionFailed, Code::KeyNotActive, Code::LockOut]],
        ),
        "resume_key" => (
            Needed::Scope(WriteKeys),
            &[
                CALLER,
                CHANGE,
                &[Code::KeyNotFound, Code::SuspendedFromAbove, Code::PreconditionFailed, Code::KeyNotActive],
            ],
        ),
        "revoke_key" => (Needed::Scope(WriteKeys), &[CALLER, CHANGE, &[Code::KeyNotFound, Code::LockOut]]),
        "get_or_list_keys" => (Needed::Scope(ReadKeys), &[CALLER, &[Code::KeyNotFound, Code::AccountNotFound]]),
        "get_me" => (Needed::Any, &[CALLER]),
        "get_enforcement" => (Needed::Scope(ReadKeys), &[CALLER, &[Code::KeyNotFound]]),
        "find_keys" | "list_keys_of_merchant" => (Needed::Scope(ReadKeys), &[CALLER, &[Code::AccountNotFound]]),
        "verify_key" | "verify_batch" => (Needed::Scope(VerifyKeys), &[CALLER, BODY, &[Code::UnknownCondition]]),
        "authorize" | "authorize_public" | "authorize_tokenization" => {
            (Needed::Gateway, &[CALLER, &[Code::UnknownCondition, Code::WrongType, Code::WrongAccount]])
        }
        "obtain_tokens" => (
            Needed::Open,
            &[
                BODY,
                CHANGE,
                &[
                    Code::InvalidRequest,
                    Code::InvalidCredential,
                    Code::WrongEnvironment,
                    Code::TooManyAttempts,
                    Code::TooManyRequests,
                    Code::Internal,
                    Code::Unavailable,
                    Code::Timeout,
                ],
            ],
        ),
        "get_readiness" => (Needed::Open, &[&[Code::Unavailable]]),
        "get_health" | "get_signing_keys" | "get_oauth_metadata" => (Needed::Open, &[]),
        _ => of_merchants(operation)?,
    };
    let mut codes = parts.concat();
    codes.retain(|code| access != Needed::Any || *code != Code::InsufficientScope);
    codes.sort_by_key(|code| Code::ALL.iter().position(|other| other == code));
    Some(Facts { access, codes, no_store: !WITHOUT_NO_STORE.contains(&operation) })
}

/// Access and problems of an operation on accounts.
fn of_merchants(operation: &str) -> Option<(Needed, &'static [&'static [Code]])> {
    use Permission::{ReadMerchants, WriteMerchants};
    Some(match operation {
        "register_merchant" => (
            Needed::Scope(WriteMerchants),
            &[
                CALLER,
                BODY,
                CHANGE,
                &[Code::MidNotAllowed, Code::AccountNotFound, Code::MidTaken, Code::AccountNotActive],
            ],
        ),
        "list_merchants" => (Needed::Scope(ReadMerchants), &[CALLER]),
        "get_merchant" => (Needed::Scope(ReadMerchants), &[CALLER, &[Code::AccountNotFound]]),
        "get_policy" => (Needed::Scope(WriteMerchants), &[CALLER, &[Code::AccountNotFound]]),
        "set_policy" => (
            Needed::Scope(WriteMerchants),
            &[
                CALLER,
                BODY,
                CHANGE,
                &[Code::AccountNotFound, Code::OwnAccount, Code::PreconditionFailed, Code::AccountClosed],
            ],
        ),
        "suspend_merchant" => (
            Needed::Scope(WriteMerchants),
            &[CALLER, CHANGE, &[Code::AccountNotFound, Code::OwnAccount, Code::AccountClosed]],
        ),
        "resume_merchant" => (
            Needed::Scope(WriteMerchants),
            &[
                CALLER,
                CHANGE,
                &[Code::AccountNotFound, Code::OwnAccount, Code::SuspendedFromAbove, Code::AccountClosed],
            ],
        ),
        "close_merchant" => {
            (Needed::Scope(WriteMerchants), &[CALLER, CHANGE, &[Code::AccountNotFound, Code::OwnAccount]])
        }
        _ => return None,
    })
}
