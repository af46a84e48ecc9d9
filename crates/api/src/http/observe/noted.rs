//! Who asked and about what, as far as it came to be known: found where the request is worked on, read where its answer
//! leaves.
//!
//! Holds nothing that a caller only claims: no credential, and no part of a path but ids whose form leaves no room for
//! anything else.

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

/// What is noted of a request. Clones share it.
#[derive(Clone, Debug, Default)]
pub(in crate::http) struct Noted(Arc<Notes>);

#[derive(Debug, Default)]
struct Notes {
    is_proved: AtomicBool,
    caller: OnceLock<Calling>,
    object: OnceLock<Object>,
}

/// The key that calls, and its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct Calling {
    pub(super) key: KeyId,
    pub(super) mid: Mid,
}

/// The key or account that a call is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) enum Object {
    /// A key: its id, whether there is one or not.
    Key(KeyId),
    /// An account that is there. Never what merely could be a mid: part of a secret could be, too.
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

impl Calling {
    pub(in crate::http) const fn new(key: KeyId, mid: Mid) -> Self {
        Self { key, mid }
    }

    /// The operator, who has no key, sends no requests.
    pub(in crate::http) fn of(caller: &keyward_app::Caller) -> Option<Self> {
        match (caller.actor(), caller.account()) {
            (Actor::Key(key), Some(own)) => Some(Self { key, mid: own.mid.clone() }),
            (Actor::Key(_) | Actor::Operator, _) => None,
        }
    }
}

impl Noted {
    /// What is noted of the request with these extensions.
    pub(in crate::http) fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }

    /// The caller has proved who it is.
    pub(in crate::http) fn proof(&self) {
        self.0.is_proved.store(true, Ordering::Relaxed);
    }

    /// The caller is this one.
    pub(in crate::http) fn calls(&self, caller: impl Into<Option<Calling>>) {
        if let Some(caller) = caller.into() {
            self.0.caller.get_or_init(|| caller);
        }
    }

    /// The call is about this.
    pub(in crate::http) fn is_about(&self, object: Object) {
        self.0.object.get_or_init(|| object);
    }

    /// The call is about the key that this value names; about nothing if it names none.
    pub(in crate::http) fn is_about_value(&self, value: &str, environment: Environment) {
        if let Ok(value) = PresentedValue::parse(value, environment) {
            self.is_about(Object::Key(value.id()));
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

impl<S: Send + Sync> FromRequestParts<S> for Noted {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}
