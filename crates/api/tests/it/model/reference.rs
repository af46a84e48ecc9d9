//! The model: everything that exists, in maps, and what each step does to it and returns. Its rules are in
//! [`rules`](super::rules).

use std::collections::BTreeMap;

use super::rules::Caller;
use super::steps::{By, Credential, Edit, Kind, Scopes, State, Status, Step};

/// All accounts below the platform, with their parents.
pub(super) const ACCOUNTS: [(&str, Option<&str>); 6] = [
    ("partner_a", None),
    ("partner_b", None),
    ("merchant_p1", None),
    ("merchant_a1", Some("partner_a")),
    ("merchant_a2", Some("partner_a")),
    ("merchant_b1", Some("partner_b")),
];
/// Lifetime of an access token, in seconds.
const ACCESS: u64 = 600;
/// Lifetime of a family of refresh tokens, in seconds.
const FAMILY: u64 = 24 * 60 * 60;

/// The expected answer of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// No request was sent.
    Nothing,
    /// Success with this status.
    Done(u16),
    /// A problem: its status and code.
    Problem(u16, &'static str),
    /// A key was created.
    Made,
    /// A pair was created with this unique name: two keys, the public one first.
    MadePair(String),
    /// The verdict about a key.
    Verdict(&'static str),
    /// These keys, in this order.
    Keys(Vec<usize>),
    /// A key: its state, and whether its end is enforced.
    Shown(State, bool),
    /// The request may pass, with this key.
    Passed(usize),
    /// Tokens were issued.
    Tokens,
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) mid: &'static str,
    pub(super) kind: Kind,
    pub(super) scopes: Scopes,
    pub(super) begins: Option<u64>,
    pub(super) expires: Option<u64>,
    /// The level of the caller that suspended it.
    pub(super) suspended: Option<u8>,
    pub(super) revoked: bool,
    /// Name and unique name of the pair that it belongs to.
    pub(super) pair: Option<(&'static str, String)>,
}

impl Key {
    /// A new secret key without scopes.
    fn of(mid: &'static str) -> Self {
        Self {
            mid,
            kind: Kind::Secret,
            scopes: Scopes::None,
            begins: None,
            expires: None,
            suspended: None,
            revoked: false,
            pair: None,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Tokens {
    pub(super) public: usize,
    pub(super) secret: usize,
    pub(super) ends: u64,
    /// The key's scopes when the first token of the family was issued.
    pub(super) scopes: Scopes,
    family: usize,
    redeemed: bool,
}

#[derive(Clone, Debug)]
struct Family {
    ends: u64,
    over: bool,
}

/// Everything that exists. Keys and tokens are numbered in the order of their creation; time is in seconds.
#[derive(Clone, Debug)]
pub(super) struct Model {
    /// Whether memory has room for all of it.
    pub(super) roomy: bool,
    pub(super) now: u64,
    pub(super) accounts: BTreeMap<&'static str, Status>,
    pub(super) keys: BTreeMap<usize, Key>,
    pub(super) tokens: BTreeMap<usize, Tokens>,
    families: BTreeMap<usize, Family>,
    /// The answer to the last step.
    pub(super) outcome: Outcome,
}

impl Model {
    pub(super) fn new(roomy: bool) -> Self {
        Self {
            roomy,
            now: 0,
            accounts: ACCOUNTS.map(|(mid, _)| (mid, Status::Active)).into(),
            keys: BTreeMap::new(),
            tokens: BTreeMap::new(),
            families: BTreeMap::new(),
            outcome: Outcome::Nothing,
        }
    }

    pub(super) fn step(mut self, step: &Step) -> Self {
        self.outcome = self.take(step).unwrap_or_else(|problem| problem);
        self
    }

    /// The answer to the step; an error if it is refused.
    fn take(&mut self, step: &Step) -> Result<Outcome, Outcome> {
        match *step {
            Step::Issue { mid, kind, scopes, life } => {
                self.must_be_active(mid)?;
                let expires = life.map(|life| self.now + life);
                self.add(Key { kind, scopes, expires, ..Key::of(mid) });
                Ok(Outcome::Made)
            }
            Step::IssuePair { mid, name, scopes, overwrite } => self.issue_pair(mid, name, scopes, overwrite),
            Step::Revoke { by, key, respond_async } => self.revoke(by, key, respond_async),
            Step::Edit { by, key, edit } => self.edit(by, key, edit),
            Step::Change { mid, to } => match (self.accounts[mid], to) {
                (Status::Closed, Status::Active | Status::Suspended) => Err(Outcome::Problem(409, "account_closed")),
                (_, to) => {
                    self.accounts.insert(mid, to);
                    Ok(Outcome::Done(200))
                }
            },
            Step::Advance { seconds } => {
                self.now += seconds;
                Ok(Outcome::Nothing)
            }
            Step::Forget { .. } => Ok(Outcome::Nothing),
            Step::Verify { by, key, forged, kind, mid, charges } => {
                let caller = self.caller(by)?;
                let known = &self.keys[&key];
                if forged || !Self::reaches(caller.mid, known.mid) {
                    return Ok(Outcome::Verdict("NOT_FOUND"));
                }
                Ok(Outcome::Verdict(self.verdict(known, known.scopes, kind, mid, charges)))
            }
            Step::Auth { with, kind, charges } => self.auth(with, kind, charges),
            Step::List { by, mid, state } => {
                let caller = self.caller(by)?;
                if !Self::reaches(caller.mid, mid) {
                    return Err(Outcome::Problem(404, "account_not_found"));
                }
                let here = self.keys.iter().rev().filter(|(_, key)| key.mid == mid);
                let wanted = here.filter(|(_, key)| state.is_none_or(|state| self.state(key) == state));
                Ok(Outcome::Keys(wanted.map(|(number, _)| *number).collect()))
            }
            Step::Show { by, key } => {
                let caller = self.caller(by)?;
                let known = self.reached(caller.mid, key)?;
                let over = known.revoked || self.standing(known.mid) == Status::Closed;
                Ok(Outcome::Shown(self.state(known), over))
            }
            Step::Obtain { public, secret } => {
                if !self.is_usable_pair(public, secret) {
                    return Err(Outcome::Problem(401, "invalid_credential"));
                }
                let family = self.families.len();
                self.families.insert(family, Family { ends: self.now + FAMILY, over: false });
                self.grant(public, secret, self.keys[&secret].scopes, family);
                Ok(Outcome::Tokens)
            }
            Step::Refresh { tokens } => self.refresh(tokens),
        }
    }

    fn add(&mut self, key: Key) {
        self.keys.insert(self.keys.len(), key);
    }

    fn grant(&mut self, public: usize, secret: usize, scopes: Scopes, family: usize) {
        let ends = self.now + ACCESS;
        self.tokens.insert(self.tokens.len(), Tokens { public, secret, ends, scopes, family, redeemed: false });
    }

    fn must_be_active(&self, mid: &str) -> Result<(), Outcome> {
        if self.standing(mid) == Status::Active { Ok(()) } else { Err(Outcome::Problem(409, "account_not_active")) }
    }

    fn issue_pair(
        &mut self,
        mid: &'static str,
        name: &'static str,
        scopes: Scopes,
        overwrite: bool,
    ) -> Result<Outcome, Outcome> {
        self.must_be_active(mid)?;
        let same_name =
            self.keys.values_mut().filter(|key| key.mid == mid && key.pair.as_ref().is_some_and(|it| it.0 == name));
        if overwrite {
            same_name.for_each(|key| key.revoked = true);
        }
        let taken = |unique: &String| {
            let alive = self.keys.values().filter(|key| key.mid == mid && !key.revoked);
            alive.filter_map(|key| key.pair.as_ref()).any(|(_, taken)| taken == unique)
        };
        let unique = (1..).map(|n| if n == 1 { name.to_owned() } else { format!("{name}-{n}") });
        let unique = unique.into_iter().find(|unique| !taken(unique)).unwrap();
        for (kind, scopes) in [(Kind::Public, Scopes::None), (Kind::Secret, scopes)] {
            let pair = Some((name, unique.clone()));
            self.add(Key { kind, scopes, pair, ..Key::of(mid) });
        }
        Ok(Outcome::MadePair(unique))
    }

    fn revoke(&mut self, by: By, key: usize, respond_async: bool) -> Result<Outcome, Outcome> {
        let caller = self.caller(by)?;
        let known = self.reached(caller.mid, key)?;
        if !known.revoked && caller.mid == Some(known.mid) && self.is_last_manager_key(key) {
            return Err(Outcome::Problem(409, "lock_out"));
        }
        self.keys.get_mut(&key).unwrap().revoked = true;
        Ok(Outcome::Done(if respond_async { 202 } else { 204 }))
    }

    fn edit(&mut self, by: By, key: usize, edit: Edit) -> Result<Outcome, Outcome> {
        let caller = self.caller(by)?;
        let known = self.reached(caller.mid, key)?;
        let mut edited = known.clone();
        match edit {
            Edit::Name => return Ok(Outcome::Done(200)),
            Edit::Suspend | Edit::Resume => return self.suspend_or_resume(&caller, key, edit),
            Edit::Scopes(scopes) => edited.scopes = scopes,
            Edit::Begins(begins) => edited.begins = begins.map(|wait| self.now + wait),
            Edit::Ends(ends) => edited.expires = ends.map(|life| self.now + life),
        }
        let terms = |key: &Key| (key.scopes, key.begins, key.expires);
        if terms(&edited) == terms(known) {
            return Ok(Outcome::Done(200));
        }
        let ends_first = edited.begins.zip(edited.expires).is_some_and(|(begins, expires)| expires <= begins);
        if ends_first || (edited.kind != Kind::Secret && edited.scopes == Scopes::Manage) {
            return Err(Outcome::Problem(400, "invalid_request"));
        }
        if caller.key == Some(key) {
            return Err(Outcome::Problem(403, "own_key"));
        }
        self.must_live(key)?;
        self.keys.insert(key, edited);
        Ok(Outcome::Done(200))
    }

    fn suspend_or_resume(&mut self, caller: &Caller, key: usize, edit: Edit) -> Result<Outcome, Outcome> {
        let by = self.keys[&key].suspended;
        if matches!(edit, Edit::Resume) && by > Some(caller.level) {
            return Err(Outcome::Problem(403, "suspended_from_above"));
        }
        self.must_live(key)?;
        let locks_out = caller.mid == Some(self.keys[&key].mid) && self.is_last_manager_key(key);
        let suspends = matches!(edit, Edit::Suspend);
        if suspends && by.is_none() && locks_out {
            return Err(Outcome::Problem(409, "lock_out"));
        }
        self.keys.get_mut(&key).unwrap().suspended = if suspends { by.max(Some(caller.level)) } else { None };
        Ok(Outcome::Done(200))
    }

    fn must_live(&self, key: usize) -> Result<(), Outcome> {
        match self.state(&self.keys[&key]) {
            State::Revoked | State::Expired => Err(Outcome::Problem(409, "key_not_active")),
            State::Active | State::Pending | State::Suspended => Ok(()),
        }
    }

    fn auth(&self, with: Credential, kind: Kind, charges: bool) -> Result<Outcome, Outcome> {
        let (key, scopes) = match with {
            Credential::Key { forged: true, .. } => return Err(Outcome::Problem(401, "invalid_credential")),
            Credential::Key { key, forged: false } => (key, self.keys[&key].scopes),
            Credential::Token(token) => (self.alive(token)?, self.token_scopes(token)),
        };
        match self.verdict(&self.keys[&key], scopes, kind, None, charges) {
            "VALID" => Ok(Outcome::Passed(key)),
            "WRONG_TYPE" => Err(Outcome::Problem(403, "wrong_type")),
            "INSUFFICIENT_SCOPE" => Err(Outcome::Problem(403, "insufficient_scope")),
            _ => Err(Outcome::Problem(401, "invalid_credential")),
        }
    }

    fn refresh(&mut self, tokens: usize) -> Result<Outcome, Outcome> {
        let Tokens { public, secret, scopes, family, redeemed, .. } = self.tokens[&tokens];
        let denied = Err(Outcome::Problem(401, "invalid_credential"));
        if self.now >= self.families[&family].ends || !self.is_usable_pair(public, secret) {
            return denied;
        }
        let known = self.families.get_mut(&family).unwrap();
        if redeemed || known.over {
            known.over = true;
            return denied;
        }
        self.tokens.get_mut(&tokens).unwrap().redeemed = true;
        self.grant(public, secret, scopes, family);
        Ok(Outcome::Tokens)
    }
}
