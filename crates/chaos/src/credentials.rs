//! The credentials of a run, including those that are about to change.
//!
//! Their values stay in memory and never reach the history or a report.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::history::CredentialId;
use keyward_testkit::rng::Rng;

/// How a credential is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The value of a secret key.
    Secret,
    /// The value of a public key.
    Public,
    /// An access token.
    Token,
    /// Both values of a pair, as the body of a token request. Valid means that the request gets a token.
    Pair,
    /// A refresh token, as the body that redeems it. It works only once, so it is shown only after it must have ended.
    Refresh,
}

#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) credential: CredentialId,
    pub(super) value: Arc<str>,
    pub(super) form: Form,
}

/// Maximum number of credentials that are about to change.
const ATTENTION: usize = 24;

/// All credentials that may be verified at any time.
#[derive(Debug, Default)]
pub(super) struct Credentials(Mutex<Shelves>);

#[derive(Debug, Default)]
struct Shelves {
    /// Those that are never restricted.
    evergreen: Vec<Shown>,
    all: Vec<Shown>,
    /// Those that are new, about to be restricted, or just restricted.
    attention: VecDeque<Shown>,
}

impl Credentials {
    pub(super) fn add_evergreen(&self, shown: &[Shown]) {
        let mut shelves = self.open();
        shelves.evergreen.extend_from_slice(shown);
        shelves.all.extend_from_slice(shown);
    }

    /// Adds credentials that may be restricted.
    pub(super) fn add(&self, shown: &[Shown]) {
        self.open().all.extend_from_slice(shown);
    }

    /// Adds credentials that are about to be restricted, so that many clients verify them.
    pub(super) fn attend(&self, shown: &[Shown]) {
        let mut shelves = self.open();
        shelves.attention.extend(shown.iter().cloned());
        let too_many = shelves.attention.len().saturating_sub(ATTENTION);
        shelves.attention.drain(..too_many);
    }

    pub(super) fn pick(&self, rng: &mut Rng) -> Option<Shown> {
        let shelves = self.open();
        let of = |shelf: &[Shown], rng: &mut Rng| shelf.get(rng.place(shelf.len())).cloned();
        match rng.below(10) {
            0..5 => shelves.attention.get(rng.place(shelves.attention.len())).cloned(),
            5..7 => of(&shelves.evergreen, rng),
            _ => of(&shelves.all, rng),
        }
    }

    pub(super) fn all(&self) -> Vec<Shown> {
        self.open().all.clone()
    }

    fn open(&self) -> MutexGuard<'_, Shelves> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
