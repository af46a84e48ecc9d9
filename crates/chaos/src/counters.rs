//! The number of answers of each kind to each kind of request. It only counts.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use keyward_testkit::http::Silence;

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Op {
    Verify,
    Auth,
    Revoke,
    Overwrite,
    Suspend,
    Resume,
    Close,
    CreateKey,
    CreatePair,
    Token,
    Register,
    Read,
}

impl Op {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Auth => "auth",
            Self::Revoke => "revoke",
            Self::Overwrite => "overwrite",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Close => "close",
            Self::CreateKey => "create",
            Self::CreatePair => "pair",
            Self::Token => "token",
            Self::Register => "register",
            Self::Read => "read",
        }
    }
}

/// A status, or none.
pub(super) type Got = Result<u16, Silence>;

/// All counts so far.
#[derive(Debug, Default)]
pub(super) struct Counters(Mutex<BTreeMap<(Op, Got), u64>>);

impl Counters {
    pub(super) fn count(&self, op: Op, got: Got) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry((op, got)).or_default() += 1;
    }

    pub(super) fn counts(&self) -> BTreeMap<(Op, Got), u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
