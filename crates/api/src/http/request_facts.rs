//! The caller and the object of a request, as far as they are known, for its log line: noted where the request is
//! handled, read where its answer is logged.
//!
//! Holds nothing unproved: no credential, and no part of a path except ids whose format leaves no room for anything
//! else.

use std::{
    convert::Infallible,
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::extract::FromRequestParts;
use http::{Extensions, request::Parts};
use keyward_domain::{Actor, Environment, KeyId, Mid, PresentedValue};

/// The facts about a request. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct RequestFacts(Arc<Facts>);

#[derive(Debug, Default)]
struct Facts {
    is_proved: AtomicBool,
    caller: OnceLock<Calling>,
    object: OnceLock<Object>,
}

/// The calling key and its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Calling {
    pub(super) key: KeyId,
    pub(super) mid: Mid,
}

/// The key or account that a call concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Object {
    /// A key id, whether the key exists or not.
    Key(KeyId),
    /// An existing account. Never a text that merely could be a mid: part of a secret could be one too.
    Account(Mid),
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => id.fmt(f),
            Self::Account(mid) => mid.fmt(f),
        }
    }
}

impl Object {
    /// The key that this value names, if it names one.
    pub(super) fn of_value(value: &str, environment: Environment) -> Option<Self> {
        PresentedValue::parse(value, environment).ok().map(|value| Self::Key(value.id()))
    }
}

impl Calling {
    pub(super) const fn new(key: KeyId, mid: Mid) -> Self {
        Self { key, mid }
    }

    /// The caller of a request; `None` for the operator and the service, who send none.
    pub(super) fn of(caller: &keyward_app::Caller) -> Option<Self> {
        match (caller.actor(), caller.account()) {
            (Actor::Key(key), Some(own)) => Some(Self { key, mid: own.mid.clone() }),
            (Actor::Key(_) | Actor::Operator | Actor::Service, _) => None,
        }
    }
}

impl RequestFacts {
    /// The facts about the request with these extensions.
    pub(super) fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }

    /// Notes that the caller is authenticated.
    pub(super) fn proof(&self) {
        self.0.is_proved.store(true, Ordering::Relaxed);
    }

    /// Notes the caller.
    pub(super) fn calls(&self, caller: impl Into<Option<Calling>>) {
        if let Some(caller) = caller.into() {
            self.0.caller.get_or_init(|| caller);
        }
    }

    /// Notes the object of the call.
    pub(super) fn is_about(&self, object: Object) {
        self.0.object.get_or_init(|| object);
    }

    /// Notes the key that this value names, if it names one.
    pub(super) fn is_about_value(&self, value: &str, environment: Environment) {
        if let Some(object) = Object::of_value(value, environment) {
            self.is_about(object);
        }
    }

    pub(super) fn is_proved(&self) -> bool {
        self.0.is_proved.load(Ordering::Relaxed)
    }

    pub(super) fn caller(&self) -> Option<&Calling> {
        self.0.caller.get()
    }

    pub(super) fn object(&self) -> Option<&Object> {
        self.0.object.get()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestFacts {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}
