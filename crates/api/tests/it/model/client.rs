//! Takes the steps over HTTP, and translates the service's answers into the model's terms.

use std::{sync::Arc, time::Duration};

use keyward_app::Clock as _;
use serde_json::{Value, json};

use super::{
    reference::{Model, Outcome},
    steps::{By, Credential, Edit, Kind, Scopes, State, Status, Step},
};
use crate::harness::{Answer, Dial, Held, Node};

/// A client that keeps every value it received. The model's numbers are indices into its lists.
pub(super) struct Client {
    node: Node,
    clock: Arc<Dial>,
    platform: Held,
    keys: Vec<Held>,
    /// Access and refresh tokens.
    tokens: Vec<[String; 2]>,
}

impl Client {
    pub(super) async fn of(node: Node, clock: Arc<Dial>) -> Self {
        let platform = node.root("platform").await;
        Self { node, clock, platform, keys: Vec::new(), tokens: Vec::new() }
    }

    pub(super) async fn leave(&self) {
        self.node.access.verifier().leave().await;
    }

    fn by(&self, by: By) -> &str {
        match by {
            By::Platform => &self.platform.value,
            By::Key(key) => &self.keys[key].value,
            By::Token(token) => &self.tokens[token][0],
        }
    }

    fn value(&self, key: usize, forged: bool) -> String {
        if forged { self.keys[key].forged() } else { self.keys[key].value.clone() }
    }

    /// Takes a step, and waits for the work it leaves behind: a client that does not wait for an answer is promised
    /// nothing before it, and enforcement may be recorded a moment later.
    pub(super) async fn take(&mut self, step: Step) -> Outcome {
        let outcome = self.ask(step).await;
        self.node.wait_for_background().await;
        outcome
    }

    async fn ask(&mut self, step: Step) -> Outcome {
        match step {
            Step::Issue { mid, kind, scopes, life } => self.issue(mid, kind, scopes, life).await,
            Step::IssuePair { mid, name, scopes, overwrite } => self.issue_pair(mid, name, scopes, overwrite).await,
            Step::Revoke { by, key, respond_async } => self.revoke(by, key, respond_async).await,
            Step::Edit { by, key, edit } => self.edit(by, key, edit).await,
            Step::Change { mid, to } => {
                let verb = match to {
                    Status::Active => "resume",
                    Status::Suspended => "suspend",
                    Status::Closed => "close",
                };
                let path = format!("/v1/merchants/{mid}/{verb}");
                done(&self.node.post(&self.platform.value, &path).await)
            }
            Step::Advance { seconds } => {
                self.clock.advance(Duration::from_secs(seconds));
                Outcome::Nothing
            }
            Step::Forget { key } => {
                self.node.forget(&self.keys[key]);
                Outcome::Nothing
            }
            Step::Verify { by, key, forged, kind, mid, charges } => {
                let mut check = json!({"key": self.value(key, forged), "scopes": wanted(charges)});
                check["type"] = word_of(kind).into();
                if let Some(mid) = mid {
                    check["mid"] = mid.into();
                }
                let answer = self.node.post_json(self.by(by), "/v1/verify", &check).await;
                answered(&answer, |body| Outcome::Verdict(known_code(&body["code"])))
            }
            Step::Auth { with, kind, charges } => self.auth(with, kind, charges).await,
            Step::List { by, mid, state } => {
                let state = state.map_or("all", state_word);
                let path = format!("/v1/api-keys/{mid}?limit=1000&state={state}");
                let answer = self.node.get(self.by(by), &path).await;
                answered(&answer, |body| {
                    assert_eq!(body["next_cursor"], Value::Null);
                    Outcome::Keys(body["keys"].as_array().unwrap().iter().map(|key| self.number(&key["id"])).collect())
                })
            }
            Step::Show { by, key } => self.show(by, key).await,
            Step::Obtain { public, secret } => {
                let body = json!({"AppKey": self.keys[public].value, "AppSecret": self.keys[secret].value});
                self.token(&body).await
            }
            Step::Refresh { tokens } => {
                let body = json!({"refreshToken": self.tokens[tokens][1]});
                self.token(&body).await
            }
        }
    }

    fn number(&self, id: &Value) -> usize {
        self.keys.iter().position(|key| *id == key.id).unwrap()
    }

    async fn issue(&mut self, mid: &str, kind: Kind, scopes: Scopes, life: Option<u64>) -> Outcome {
        let mut body = json!({"mid": mid, "name": "x", "type": word_of(kind), "scopes": scope_words(scopes)});
        if let Some(life) = life {
            let at = self.clock.wall().saturating_add(Duration::from_secs(life));
            body["expires_at"] = at.to_string().into();
        }
        let answer = self.node.post_json(&self.platform.value, "/v1/api-keys", &body).await;
        let keys = &mut self.keys;
        answered(&answer, |body| {
            keys.push(held(&body["id"], &body["value"]));
            Outcome::Made
        })
    }

    async fn issue_pair(&mut self, mid: &str, name: &str, scopes: Scopes, overwrite: bool) -> Outcome {
        let body = json!({"name": name, "scopes": scope_words(scopes), "overwriteExistingKey": overwrite});
        let path = format!("/v1/merchants/{mid}/api-keys");
        let answer = self.node.post_json(&self.platform.value, &path, &body).await;
        let keys = &mut self.keys;
        answered(&answer, |body| {
            keys.push(held(&body["keys"][0]["id"], &body["appKey"]));
            keys.push(held(&body["keys"][1]["id"], &body["appSecret"]));
            Outcome::MadePair(text(&body["uniqueName"]))
        })
    }

    async fn revoke(&self, by: By, key: usize, respond_async: bool) -> Outcome {
        let mut request = self.node.request("DELETE", &self.keys[key].path()).bearer(self.by(by));
        if respond_async {
            request = request.header("prefer", "respond-async");
        }
        done(&request.send().await)
    }

    async fn edit(&self, by: By, key: usize, edit: Edit) -> Outcome {
        let path = self.keys[key].path();
        let at = |wait: Option<u64>| {
            wait.map(|wait| self.clock.wall().saturating_add(Duration::from_secs(wait)).to_string())
        };
        let body = match edit {
            Edit::Suspend => return done(&self.node.post(self.by(by), &format!("{path}/suspend")).await),
            Edit::Resume => return done(&self.node.post(self.by(by), &format!("{path}/resume")).await),
            Edit::Name => json!({"name": "another"}),
            Edit::Scopes(scopes) => json!({"scopes": scope_words(scopes)}),
            Edit::Begins(wait) => json!({"not_before": at(wait)}),
            Edit::Ends(wait) => json!({"expires_at": at(wait)}),
        };
        done(&self.node.request("PATCH", &path).bearer(self.by(by)).json(&body).send().await)
    }

    async fn auth(&self, with: Credential, kind: Kind, charges: bool) -> Outcome {
        let credential = match with {
            Credential::Key { key, forged } => self.value(key, forged),
            Credential::Token(token) => self.tokens[token][0].clone(),
        };
        let scope = if charges { "?scope=charges:read" } else { "" };
        let answer = self.node.get(&credential, &format!("{}{scope}", path_of(kind))).await;
        match answer.header("x-keyward-key-id") {
            Some(id) => Outcome::Passed(self.number(&id.into())),
            None => done(&answer),
        }
    }

    async fn show(&self, by: By, key: usize) -> Outcome {
        let path = self.keys[key].path();
        let answer = self.node.get(self.by(by), &path).await;
        let enforcement = self.node.get(self.by(by), &format!("{path}/enforcement")).await;
        let shown = |answer: &Answer, enforced: Option<bool>| {
            answered(answer, |body| {
                Outcome::Shown(known_state(&body["state"]), enforced.unwrap_or(body["enforced"] == true))
            })
        };
        let outcome = shown(&enforcement, None);
        let enforced = matches!(outcome, Outcome::Shown(_, true));
        assert_eq!(shown(&answer, Some(enforced)), outcome, "two views of one key");
        outcome
    }

    async fn token(&mut self, body: &Value) -> Outcome {
        let answer = self.node.token(body).await;
        let tokens = &mut self.tokens;
        answered(&answer, |body| {
            tokens.push([text(&body["accessToken"]), text(&body["refreshToken"])]);
            Outcome::Tokens
        })
    }

    /// Compares every key and every token with the model.
    pub(super) async fn compare(&self, model: &Model) {
        assert_eq!((self.keys.len(), self.tokens.len()), (model.keys.len(), model.tokens.len()));
        let of = |number: &usize| &self.keys[*number];
        let checks: Vec<Value> = model
            .keys
            .iter()
            .map(|(number, key)| json!({"key": of(number).value, "type": word_of(key.kind)}))
            .collect();
        for (model_keys, checks) in model.keys.values().collect::<Vec<_>>().chunks(100).zip(checks.chunks(100)) {
            let answer =
                self.node.post_json(&self.platform.value, "/v1/verify/batch", &json!({"checks": checks})).await;
            let expected: Vec<_> =
                model_keys.iter().map(|key| model.verdict(key, key.scopes, key.kind, None, false)).collect();
            let outcome = answer.json(200);
            let outcome: Vec<_> =
                outcome["results"].as_array().unwrap().iter().map(|it| known_code(&it["code"])).collect();
            assert_eq!(outcome, expected);
        }
        for (number, tokens) in &model.tokens {
            let answer = self.node.get(&self.tokens[*number][0], "/v1/auth").await;
            let id = answer.header("x-keyward-key-id");
            let expected = model.alive(*number).is_ok().then_some(of(&tokens.secret).id.as_str());
            assert_eq!((answer.status.as_u16(), id), (if expected.is_some() { 204 } else { 401 }, expected));
        }
    }
}

fn held(id: &Value, value: &Value) -> Held {
    Held { id: text(id), value: text(value) }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// An answer without further content.
fn done(answer: &Answer) -> Outcome {
    answered(answer, |_| Outcome::Done(answer.status.as_u16()))
}

/// Codes of refused changes.
const MORE_CODES: [&str; 7] = [
    "account_closed",
    "account_not_active",
    "lock_out",
    "invalid_request",
    "own_key",
    "key_not_active",
    "suspended_from_above",
];

/// An answer, success or problem.
fn answered(answer: &Answer, good: impl FnOnce(&Value) -> Outcome) -> Outcome {
    let body = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.status.is_success() {
        return good(&body);
    }
    let code = ["invalid_credential", "insufficient_scope", "wrong_type", "key_not_found", "account_not_found"];
    let code = code.into_iter().chain(MORE_CODES).find(|it| body["code"] == *it);
    Outcome::Problem(answer.status.as_u16(), code.unwrap_or_else(|| panic!("{}", answer.text())))
}

fn known_code(code: &Value) -> &'static str {
    let all = ["VALID", "NOT_FOUND", "REVOKED", "SUSPENDED", "EXPIRED", "WRONG_TYPE", "WRONG_ACCOUNT"];
    all.into_iter().chain(["INSUFFICIENT_SCOPE", "NOT_YET_VALID"]).find(|it| code == *it).unwrap()
}

fn known_state(state: &Value) -> State {
    State::ALL.into_iter().find(|it| state == state_word(*it)).unwrap()
}

/// The path on which a gateway accepts keys of this type.
const fn path_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Secret => "/v1/auth",
        Kind::Public => "/v1/auth-public",
        Kind::Tokenization => "/v1/auth-tokenization",
    }
}

const fn word_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Secret => "secret",
        Kind::Public => "public",
        Kind::Tokenization => "tokenization",
    }
}

const fn state_word(state: State) -> &'static str {
    match state {
        State::Active => "active",
        State::Pending => "pending",
        State::Suspended => "suspended",
        State::Expired => "expired",
        State::Revoked => "revoked",
    }
}

const fn scope_words(scopes: Scopes) -> &'static [&'static str] {
    match scopes {
        Scopes::None => &[],
        Scopes::Charges => &["charges:read"],
        Scopes::Manage => &["api-keys:*", "charges:*"],
    }
}

const fn wanted(charges: bool) -> &'static [&'static str] {
    scope_words(if charges { Scopes::Charges } else { Scopes::None })
}
