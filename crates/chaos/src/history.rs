//! What the clients of a run saw: every verification, and every call that restricts something or lifts a restriction.
//!
//! It only records; [`check`](super::check) judges. It never holds a credential: keys and tokens go by their ids.

use std::sync::{Mutex, MutexGuard, PoisonError};

use keyward_testkit::clock::Moment;

/// A key or an account: it can be restricted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Thing(usize);

/// A credential that is shown to be verified: a key's value, or an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Subject(usize);

/// The time of a call, as its client saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) sent: Moment,
    pub(super) answered: Moment,
}

impl Span {
    /// Before every fault.
    pub(super) const BEFORE: Self = Self { sent: Moment::START, answered: Moment::START };
}

/// What is known of a subject since it was made.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) name: String,
    /// It is valid only while all of these are: its key or keys, and every account above.
    pub(super) rests_on: Vec<Thing>,
    /// When it may expire; never, if absent.
    pub(super) good_until: Option<Moment>,
    /// When it was made.
    pub(super) born: Span,
}

/// What an answer said of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Verdict {
    Valid,
    Invalid,
    /// 503 or 504.
    Unavailable,
    /// There was no answer, or one that says nothing about the credential.
    Nothing,
}

/// One verification as its client saw it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) subject: Subject,
    pub(super) node: u8,
    /// Before its first byte was sent: it cannot have arrived earlier.
    pub(super) sent: Moment,
    /// When the answer was read, or the client gave up.
    pub(super) ended: Moment,
    pub(super) verdict: Verdict,
}

/// What a call does to its things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Change {
    Revoke,
    /// A new pair that revokes an old one: its things are the two old keys.
    Overwrite,
    Suspend,
    Close,
    /// The only one that lifts a restriction.
    Resume,
}

impl Change {
    pub(super) const ALL: [Self; 5] = [Self::Revoke, Self::Overwrite, Self::Suspend, Self::Close, Self::Resume];

    pub(super) const fn restricts(self) -> bool {
        !matches!(self, Self::Resume)
    }

    /// Whether nothing can lift its restriction.
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

    /// The word of the database for it, in its events.
    pub(super) const fn event(self) -> &'static str {
        match self {
            Self::Revoke | Self::Overwrite => "revoked",
            Self::Suspend => "suspended",
            Self::Close => "closed",
            Self::Resume => "active",
        }
    }
}

/// How a call ended for its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ending {
    /// 2xx other than 202: the promise holds from here on.
    Acknowledged,
    /// It was refused, and had no effect.
    Refused,
    /// 503, 504 or no answer: it may take effect at any time after it was sent, or never.
    Unknown,
}

/// One call that restricts something, or lifts a restriction.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) change: Change,
    pub(super) things: Vec<Thing>,
    pub(super) node: u8,
    /// When its first try was sent: a call is repeated until its outcome is known.
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

/// Everything that was seen.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    things: Vec<(String, Span)>,
    pub(super) subjects: Vec<Made>,
    pub(super) seen: Vec<Seen>,
    pub(super) calls: Vec<Call>,
}

impl History {
    pub(super) fn name_of(&self, thing: Thing) -> &str {
        self.things.get(thing.0).map_or("?", |(name, _)| name)
    }

    /// When a thing was made.
    pub(super) fn born(&self, thing: Thing) -> Span {
        self.things.get(thing.0).map_or(Span::BEFORE, |(_, born)| *born)
    }

    /// All things by their names.
    pub(super) fn things(&self) -> impl Iterator<Item = (&str, Thing)> {
        self.things.iter().enumerate().map(|(place, (name, _))| (name.as_str(), Thing(place)))
    }

    pub(super) fn made(&self, subject: Subject) -> Option<&Made> {
        self.subjects.get(subject.0)
    }

    /// Whether it is valid only while this thing is.
    pub(super) fn rests_on(&self, subject: Subject, thing: Thing) -> bool {
        self.made(subject).is_some_and(|made| made.rests_on.contains(&thing))
    }

    pub(super) fn find(&self, name: &str) -> Option<Thing> {
        self.things().find(|(it, _)| *it == name).map(|(_, thing)| thing)
    }

    pub(super) fn add_thing(&mut self, name: &str, born: Span) -> Thing {
        self.things.push((name.to_owned(), born));
        Thing(self.things.len() - 1)
    }

    pub(super) fn add_subject(&mut self, made: Made) -> Subject {
        self.subjects.push(made);
        Subject(self.subjects.len() - 1)
    }
}

/// The history while it is written, by many threads at once. It is only ever added to.
#[derive(Debug, Default)]
pub(super) struct Recorder(Mutex<History>);

impl Recorder {
    pub(super) fn thing(&self, name: &str, born: Span) -> Thing {
        self.open().add_thing(name, born)
    }

    pub(super) fn subject(&self, made: Made) -> Subject {
        self.open().add_subject(made)
    }

    pub(super) fn see(&self, seen: Seen) {
        self.open().seen.push(seen);
    }

    pub(super) fn call(&self, call: Call) {
        self.open().calls.push(call);
    }

    /// All of it, at the end.
    pub(super) fn close(self) -> History {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads it as it is now.
    pub(super) fn look<T>(&self, at: impl FnOnce(&History) -> T) -> T {
        at(&self.open())
    }

    fn open(&self) -> MutexGuard<'_, History> {
        // A panic leaves no partial entry.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
