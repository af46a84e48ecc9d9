//! The observations of the clients of a run: every verification, and every call that makes or lifts a restriction.
//!
//! Only records; [`check`](super::check) judges. Contains no credential: keys and tokens have their ids here.

use std::sync::{Mutex, MutexGuard, PoisonError};

use keyward_testkit::clock::Moment;

/// A key or an account, which can be restricted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Thing(usize);

/// A credential that is verified, such as a key's value or an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct CredentialId(usize);

/// The time of a call, as its client saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) sent: Moment,
    pub(super) answered: Moment,
}

impl Span {
    /// Earlier than every fault.
    pub(super) const BEFORE: Self = Self { sent: Moment::START, answered: Moment::START };
}

/// The facts about a credential that are known since its creation.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) name: String,
    /// Its key or keys and every account above them: it is valid only while all of these are.
    pub(super) rests_on: Vec<Thing>,
    /// Earliest expiry; none if it never expires.
    pub(super) good_until: Option<Moment>,
    pub(super) born: Span,
}

/// The meaning of an answer for a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Validity {
    Valid,
    Invalid,
    /// Answered 503 or 504.
    Unavailable,
    /// No answer, or one without a statement about the credential.
    Nothing,
}

/// One verification, as observed by its client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) credential: CredentialId,
    pub(super) node: u8,
    /// Before its first byte was sent.
    pub(super) sent: Moment,
    /// After the answer was read, or the client gave up.
    pub(super) ended: Moment,
    pub(super) validity: Validity,
}

/// The effect of a call on its things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Change {
    Revoke,
    /// Creates a pair and revokes the old one: its things are the two old keys.
    Overwrite,
    Suspend,
    Close,
    /// Lifts a suspension.
    Resume,
}

impl Change {
    pub(super) const ALL: [Self; 5] = [Self::Revoke, Self::Overwrite, Self::Suspend, Self::Close, Self::Resume];

    pub(super) const fn restricts(self) -> bool {
        !matches!(self, Self::Resume)
    }

    /// Whether its restriction is permanent.
    pub(super) const fn is_final(self) -> bool {
        matches!(self, Self::Revoke | Self::Overwrite | Self::Close)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Revoke => "revoke",
            Self::Overwrite => "overwrite",
            Self::Suspend => "suspend",
            Self::Close => "close",
            Self::Resume => "resume",
        }
    }

    /// The database's name for it, in events.
    pub(super) const fn event(self) -> &'static str {
        match self {
            Self::Revoke | Self::Overwrite => "revoked",
            Self::Suspend => "suspended",
            Self::Close => "closed",
            Self::Resume => "active",
        }
    }
}

/// The outcome of a call for its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ending {
    /// Answered 2xx except 202: the promise holds from now on.
    Acknowledged,
    /// Refused, without effect.
    Refused,
    /// Answered 503 or 504, or not at all: the call may take effect at any time after it was sent, or never.
    Unknown,
}

/// One call that makes or lifts a restriction.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) change: Change,
    pub(super) things: Vec<Thing>,
    pub(super) node: u8,
    /// When its first attempt was sent: a call is repeated until its outcome is known.
    pub(super) wanted: Moment,
    pub(super) sent: Moment,
    pub(super) ended: Moment,
    pub(super) ending: Ending,
}

impl Call {
    pub(super) const fn span(&self) -> Span {
        Span { sent: self.sent, answered: self.ended }
    }
}

/// All observations.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    things: Vec<(String, Span)>,
    pub(super) credentials: Vec<Made>,
    pub(super) seen: Vec<Seen>,
    pub(super) calls: Vec<Call>,
}

impl History {
    pub(super) fn name_of(&self, thing: Thing) -> &str {
        self.things.get(thing.0).map_or("?", |(name, _)| name)
    }

    /// When a thing was created.
    pub(super) fn born(&self, thing: Thing) -> Span {
        self.things.get(thing.0).map_or(Span::BEFORE, |(_, born)| *born)
    }

    /// All things by their names.
    pub(super) fn things(&self) -> impl Iterator<Item = (&str, Thing)> {
        self.things.iter().enumerate().map(|(place, (name, _))| (name.as_str(), Thing(place)))
    }

    pub(super) fn made(&self, credential: CredentialId) -> Option<&Made> {
        self.credentials.get(credential.0)
    }

    /// Whether the credential is valid only while this thing is.
    pub(super) fn rests_on(&self, credential: CredentialId, thing: Thing) -> bool {
        self.made(credential).is_some_and(|made| made.rests_on.contains(&thing))
    }

    pub(super) fn find(&self, name: &str) -> Option<Thing> {
        self.things().find(|(it, _)| *it == name).map(|(_, thing)| thing)
    }

    pub(super) fn add_thing(&mut self, name: &str, born: Span) -> Thing {
        self.things.push((name.to_owned(), born));
        Thing(self.things.len() - 1)
    }

    pub(super) fn add_credential(&mut self, made: Made) -> CredentialId {
        self.credentials.push(made);
        CredentialId(self.credentials.len() - 1)
    }
}

/// A history that many threads append to.
#[derive(Debug, Default)]
pub(super) struct Recorder(Mutex<History>);

impl Recorder {
    pub(super) fn thing(&self, name: &str, born: Span) -> Thing {
        self.open().add_thing(name, born)
    }

    pub(super) fn credential(&self, made: Made) -> CredentialId {
        self.open().add_credential(made)
    }

    pub(super) fn see(&self, seen: Seen) {
        self.open().seen.push(seen);
    }

    pub(super) fn call(&self, call: Call) {
        self.open().calls.push(call);
    }

    /// Returns the complete history.
    pub(super) fn close(self) -> History {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the current history.
    pub(super) fn look<T>(&self, at: impl FnOnce(&History) -> T) -> T {
        at(&self.open())
    }

    fn open(&self) -> MutexGuard<'_, History> {
        // A panic leaves no partial entry.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
