//! Creates accounts, keys, pairs and tokens for the load at any node, with retries.

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::Run;
use crate::client::{BETWEEN_TRIES, Client};
use crate::counters::Op;
use crate::credentials::{Form, Shown};
use crate::history::{CredentialId, Made, Span, Thing};
use keyward_testkit::program::member;

/// Lifetime of an access token, minus more than a minute for a busy machine.
const TOKEN_LIFE: std::time::Duration = std::time::Duration::from_secs(530);

/// An account. It depends on itself and on all accounts above it.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) mid: String,
    pub(super) thing: Thing,
    pub(super) rests_on: Vec<Thing>,
    /// When it was created or, after a suspension, last resumed: the database may lose either.
    pub(super) born: Span,
}

/// A key.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) thing: Thing,
    pub(super) shown: Shown,
}

/// A pair of keys.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) public: Key,
    pub(super) secret: Key,
    /// Both values, with which a token is requested.
    pub(super) both: Shown,
    rests_on: Vec<Thing>,
    born: Span,
}

/// The tokens of a pair.
#[derive(Clone, Debug)]
pub(super) struct Tokens {
    pub(super) access: Shown,
    pub(super) refresh: Shown,
}

impl Account {
    pub(crate) fn platform(run: &Run) -> Self {
        let mid = run.world.platform.mid.clone();
        Self { mid, thing: run.platform, rests_on: vec![run.platform], born: Span::BEFORE }
    }

    /// A new account below this one.
    pub(super) fn above(&self, run: &Run, mid: &str, born: Span) -> Self {
        let thing = run.recorder.thing(mid, born);
        Self { mid: mid.to_owned(), thing, rests_on: [&[thing], self.rests_on.as_slice()].concat(), born }
    }
}

impl Pair {
    pub(super) fn things(&self) -> [Thing; 2] {
        [self.public.thing, self.secret.thing]
    }
}

impl Client<'_> {
    /// Creates a merchant below this account.
    ///
    /// # Errors
    /// If the run ends first.
    pub(super) fn make_merchant(&mut self, below: &Account) -> Result<Account> {
        let body = json!({ "name": "Merchant", "parent_mid": below.mid });
        let (made, born) = self.make(Op::Register, "/v1/merchants", &body, true, below.born)?;
        Ok(below.above(self.run, &member(&made, "mid")?, born))
    }

    /// Creates a secret key of this account.
    ///
    /// # Errors
    /// If the run ends first.
    pub(super) fn make_key(&mut self, account: &Account) -> Result<Key> {
        let scopes = ["charges:read"];
        let body = json!({ "mid": account.mid, "name": "Key", "type": "secret", "scopes": scopes });
        let (made, born) = self.make(Op::CreateKey, "/v1/api-keys", &body, true, account.born)?;
        Ok(self.key(account, [&member(&made, "id")?, &member(&made, "value")?], Form::Secret, born))
    }

    /// Creates a pair of this account.
    ///
    /// # Errors
    /// If the run ends first.
    pub(super) fn make_pair(&mut self, account: &Account, name: &str) -> Result<Pair> {
        let (path, body) = pair_body(account, name, false);
        let (made, born) = self.make(Op::CreatePair, &path, &body, true, account.born)?;
        self.pair(account, &made, born)
    }

    /// Reads the pair in an answer.
    ///
    /// # Errors
    /// If the answer contains none.
    pub(super) fn pair(&self, account: &Account, made: &Value, born: Span) -> Result<Pair> {
        let id = |place: usize| member(&made["keys"][place], "id");
        let (app_key, app_secret) = (member(made, "appKey")?, member(made, "appSecret")?);
        let public = self.key(account, [&id(0)?, &app_key], Form::Public, born);
        let secret = self.key(account, [&id(1)?, &app_secret], Form::Secret, born);
        let rests_on = [&[public.thing, secret.thing], account.rests_on.as_slice()].concat();
        let name = format!("the pair of {}", secret.id);
        let credential =
            self.run.recorder.credential(Made { name, rests_on: rests_on.clone(), good_until: None, born });
        let body = json!({ "AppKey": app_key, "AppSecret": app_secret }).to_string();
        let both = Shown { credential, value: body.into(), form: Form::Pair };
        Ok(Pair { public, secret, both, rests_on, born })
    }

    /// Obtains tokens with a pair.
    ///
    /// # Errors
    /// If the run ends first.
    pub(super) fn make_tokens(&mut self, pair: &Pair) -> Result<Tokens> {
        let requested = self.run.clock.now();
        let (path, body) = ("/v1/oauth2/token", serde_json::from_str(&pair.both.value)?);
        let (made, born) = self.make(Op::Token, path, &body, false, pair.born)?;
        let credential = |what: &str, good_until| -> CredentialId {
            let name = format!("{what} of {}", pair.secret.id);
            self.run.recorder.credential(Made { name, rests_on: pair.rests_on.clone(), good_until, born })
        };
        let shown = |credential, value: String, form| Shown { credential, value: value.into(), form };
        let access = credential("an access token", Some(requested + TOKEN_LIFE));
        let refresh = credential("a refresh token", None);
        let redeem = json!({ "refreshToken": member(&made, "refreshToken")? }).to_string();
        Ok(Tokens {
            access: shown(access, member(&made, "accessToken")?, Form::Token),
            refresh: shown(refresh, redeem, Form::Refresh),
        })
    }

    fn key(&self, account: &Account, [id, value]: [&str; 2], form: Form, born: Span) -> Key {
        let thing = self.run.recorder.thing(id, born);
        let rests_on = [&[thing], account.rests_on.as_slice()].concat();
        let credential = self.run.recorder.credential(Made { name: id.to_owned(), rests_on, good_until: None, born });
        Key { id: id.to_owned(), thing, shown: Shown { credential, value: value.into(), form } }
    }

    /// Sends a request to any node, and retries until one answers. Ignores objects of attempts with an unknown outcome.
    ///
    /// The request depends on something created at `from`. Its credential is the platform's key, or else in the body.
    fn make(&mut self, op: Op, path: &str, body: &Value, by_platform: bool, from: Span) -> Result<(Value, Span)> {
        let (body, run) = (body.to_string(), self.run);
        while !run.is_over() {
            let Some(node) = self.any_node() else { continue };
            let mut request = self.request("POST", path, Some(&body));
            request.bearer = request.bearer.filter(|_| by_platform);
            let sent = run.clock.now();
            if let Ok(answer) = self.send(op, node, &request, run.plan.timeout()) {
                let born = Span { sent, answered: run.clock.now() };
                match answer.status {
                    200 | 201 => return Ok((serde_json::from_str(&answer.text)?, born)),
                    // `send` records the first; the second passes.
                    401 if by_platform => {}
                    429 => {}
                    400..500 if run.may_lack(from) => bail!(Gone),
                    400..500 => bail!("{} was refused with {}", op.name(), answer.text),
                    _ => {}
                }
            }
            std::thread::sleep(BETWEEN_TRIES);
        }
        bail!(Over)
    }
}

/// Something that a request depends on was lost with the database.
#[derive(Debug)]
pub(super) struct Gone;

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("something that it depends on was lost with the database")
    }
}

impl std::error::Error for Gone {}

/// Returns `None` for [`Gone`], which is no failure.
pub(super) fn unless_gone<T>(made: Result<T>) -> Result<Option<T>> {
    match made {
        Err(error) if error.is::<Gone>() => Ok(None),
        other => other.map(Some),
    }
}

/// The run ended before a request succeeded. This is no failure: the worker ends.
#[derive(Debug)]
pub(super) struct Over;

impl std::fmt::Display for Over {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the run ended during its preparation: no node created an account, a key or a token")
    }
}

impl std::error::Error for Over {}

/// Path and body of a request for a pair.
pub(super) fn pair_body(account: &Account, name: &str, overwrite: bool) -> (String, Value) {
    let body = json!({ "name": name, "scopes": ["charges:read"], "overwriteExistingKey": overwrite });
    (format!("/v1/merchants/{}/api-keys", account.mid), body)
}

/// Treats [`Over`] as success: every worker ends with the run.
pub(super) fn or_over(worked: Result<()>) -> Result<()> {
    match worked {
        Err(error) if error.is::<Over>() => Ok(()),
        other => other,
    }
}
