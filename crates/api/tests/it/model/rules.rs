//! The rules of the model, as the contract states them.

use super::{
    reference::{ACCOUNTS, Key, Model, Outcome},
    steps::{By, Kind, Scopes, State, Status},
};

/// A caller with a valid credential.
pub(super) struct Caller {
    /// Its account; `None` for the platform.
    pub(super) mid: Option<&'static str>,
    /// The key, used directly or through a token; `None` for the platform's.
    pub(super) key: Option<usize>,
    /// Its level, lowest first.
    pub(super) level: u8,
}

impl Model {
    /// Status of the account, including the accounts above it.
    pub(super) fn standing(&self, mid: &str) -> Status {
        let above = ACCOUNTS.iter().find(|(known, _)| *known == mid).and_then(|(_, above)| *above);
        above.map_or(self.accounts[mid], |above| self.accounts[mid].max(self.accounts[above]))
    }

    /// Whether the account exists for a caller of that one; the platform reaches all.
    pub(super) fn reaches(caller: Option<&str>, mid: &str) -> bool {
        caller.is_none_or(|caller| caller == mid || ACCOUNTS.contains(&(mid, Some(caller))))
    }

    /// A key, if it exists for the caller.
    pub(super) fn reached(&self, caller: Option<&str>, key: usize) -> Result<&Key, Outcome> {
        let known = &self.keys[&key];
        if Self::reaches(caller, known.mid) { Ok(known) } else { Err(Outcome::Problem(404, "key_not_found")) }
    }

    /// The state that a reader sees.
    pub(super) fn state(&self, key: &Key) -> State {
        if key.revoked || self.standing(key.mid) == Status::Closed {
            State::Revoked
        } else if key.expires.is_some_and(|at| at <= self.now) {
            State::Expired
        } else if key.suspended.is_some() {
            State::Suspended
        } else if key.begins.is_some_and(|at| at > self.now) {
            State::Pending
        } else {
            State::Active
        }
    }

    /// The first unmet requirement, or `VALID`.
    pub(super) fn verdict(
        &self,
        key: &Key,
        scopes: Scopes,
        kind: Kind,
        mid: Option<&str>,
        charges: bool,
    ) -> &'static str {
        match (self.state(key), self.standing(key.mid)) {
            (State::Revoked, _) => "REVOKED",
            (_, Status::Suspended) => "SUSPENDED",
            _ if key.suspended.is_some() => "SUSPENDED",
            (State::Pending | State::Suspended, _) => "NOT_YET_VALID",
            (State::Expired, _) => "EXPIRED",
            (State::Active, _) if key.kind != kind => "WRONG_TYPE",
            (State::Active, _) if mid.is_some_and(|mid| mid != key.mid) => "WRONG_ACCOUNT",
            (State::Active, _) if charges && scopes == Scopes::None => "INSUFFICIENT_SCOPE",
            (State::Active, _) => "VALID",
        }
    }

    fn is_usable(&self, key: &Key) -> bool {
        self.verdict(key, key.scopes, key.kind, None, false) == "VALID"
    }

    pub(super) fn is_usable_pair(&self, public: usize, secret: usize) -> bool {
        let (public, secret) = (&self.keys[&public], &self.keys[&secret]);
        let belong = (public.kind, secret.kind, public.mid) == (Kind::Public, Kind::Secret, secret.mid);
        belong && self.is_usable(public) && self.is_usable(secret)
    }

    /// What a token may do: its own scopes never extend those of its key.
    pub(super) fn token_scopes(&self, token: usize) -> Scopes {
        let token = &self.tokens[&token];
        token.scopes.min(self.keys[&token.secret].scopes)
    }

    /// The key that a token acts for, while it is valid.
    pub(super) fn alive(&self, token: usize) -> Result<usize, Outcome> {
        let token = &self.tokens[&token];
        let alive = self.now < token.ends && self.is_usable_pair(token.public, token.secret);
        if alive { Ok(token.secret) } else { Err(Outcome::Problem(401, "invalid_credential")) }
    }

    /// Authenticates a caller that may manage keys.
    pub(super) fn caller(&self, by: By) -> Result<Caller, Outcome> {
        let (number, scopes) = match by {
            By::Platform => return Ok(Caller { mid: None, key: None, level: 2 }),
            By::Key(key) => (key, self.keys[&key].scopes),
            By::Token(token) => (self.alive(token)?, self.token_scopes(token)),
        };
        let key = &self.keys[&number];
        if key.kind != Kind::Secret || !self.is_usable(key) {
            return Err(Outcome::Problem(401, "invalid_credential"));
        }
        if scopes != Scopes::Manage {
            return Err(Outcome::Problem(403, "insufficient_scope"));
        }
        let level = u8::from(key.mid.starts_with("partner"));
        Ok(Caller { mid: Some(key.mid), key: Some(number), level })
    }

    /// Whether this is the account's last usable key that can manage keys.
    pub(super) fn is_last_manager_key(&self, key: usize) -> bool {
        let manages = |key: &Key| key.kind == Kind::Secret && key.scopes == Scopes::Manage && self.is_usable(key);
        let known = &self.keys[&key];
        let others = self.keys.iter().filter(|(number, it)| **number != key && it.mid == known.mid);
        manages(known) && !others.into_iter().any(|(_, other)| manages(other))
    }
}
