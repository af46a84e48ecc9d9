//! The accounts and their keys, created by the use cases themselves.

use keyward_app::{
    Caller,
    manage::{
        create_account::{CreateAccount, create_account},
        issue_key::{IssueKey, issue_key},
        issue_pair::{IssuePair, issue_pair},
    },
};
use keyward_domain::{KeyId, KeyTerms, KeyType, KeyValue, Name, Restrictions, Role, ScopeSet};
use serde_json::{Value, json};

use super::{Answer, Node};

/// Every scope of the service.
const ALL: &[&str] = &["api-keys:*", "merchants:*"];
/// Parents first.
const ACCOUNTS: [(Role, &str, Option<&str>); 7] = [
    (Role::Platform, "platform", None),
    (Role::Partner, "partner_a", Some("platform")),
    (Role::Partner, "partner_b", Some("platform")),
    (Role::Merchant, "merchant_p1", Some("platform")),
    (Role::Merchant, "merchant_a1", Some("partner_a")),
    (Role::Merchant, "merchant_a2", Some("partner_a")),
    (Role::Merchant, "merchant_b1", Some("partner_b")),
];

/// Id of a key that was never created.
pub(crate) const ID: &str = "key_01h2xcejqtf2nbrexx3vqjhp41";

/// A key with its value.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) id: String,
    pub(crate) value: String,
}

impl Held {
    /// The UUID of its id.
    pub(crate) fn uuid(&self) -> String {
        self.id.parse::<KeyId>().unwrap().uuid().to_string()
    }

    /// A value of the same key with other random bytes: well-formed, and wrong.
    pub(crate) fn forged(&self) -> String {
        let sound = keyward_domain::PresentedValue::parse(&self.value, keyward_domain::Environment::Sandbox).unwrap();
        let environment = keyward_domain::Environment::Sandbox;
        KeyValue::mint(sound.key_type(), environment, sound.id(), [7; 32]).expose().to_owned()
    }

    /// A value of this key in the format of the other environment.
    pub(crate) fn production_value(&self) -> String {
        let sound = keyward_domain::PresentedValue::parse(&self.value, keyward_domain::Environment::Sandbox).unwrap();
        let environment = keyward_domain::Environment::Production;
        KeyValue::mint(sound.key_type(), environment, sound.id(), [7; 32]).expose().to_owned()
    }

    /// A well-formed secret key value with this id, which the service did not create.
    pub(crate) fn unknown(&self) -> String {
        let environment = keyward_domain::Environment::Sandbox;
        KeyValue::mint(KeyType::Secret, environment, self.id.parse().unwrap(), [7; 32]).expose().to_owned()
    }

    pub(crate) fn path(&self) -> String {
        format!("/v1/api-keys/{}", self.id)
    }
}

/// A well-formed secret key value of a key that was never created.
pub(crate) fn absent() -> String {
    let id = ID.parse().unwrap();
    KeyValue::mint(KeyType::Secret, keyward_domain::Environment::Sandbox, id, [7; 32]).expose().to_owned()
}

/// A public and a secret key that belong together.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) public: Held,
    pub(crate) secret: Held,
}

impl Pair {
    /// The body of a token request in the platform's dialect.
    pub(crate) fn body(&self) -> Value {
        json!({"AppKey": self.public.value, "AppSecret": self.secret.value})
    }

    /// The form of a token request in the dialect of RFC 6749, with further fields.
    pub(crate) fn form<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let client = [
            ("grant_type", "client_credentials"),
            ("client_id", self.public.value.as_str()),
            ("client_secret", self.secret.value.as_str()),
        ];
        [&client, more].concat()
    }
}

impl Node {
    pub(crate) async fn seed_accounts(&self) {
        for (role, mid, parent) in ACCOUNTS {
            let command = CreateAccount {
                role,
                mid: Some(mid.parse().unwrap()),
                name: Name::parse(mid).unwrap(),
                parent: parent.map(|mid| mid.parse().unwrap()),
            };
            create_account(&self.manage, &Caller::operator(), command).await.unwrap();
        }
    }

    /// A secret key for this account.
    pub(crate) async fn key(&self, mid: &str, scopes: &[&str]) -> Held {
        self.key_of(mid, "secret", scopes, None).await
    }

    /// A key with every scope.
    pub(crate) async fn root(&self, mid: &str) -> Held {
        self.key(mid, ALL).await
    }

    pub(crate) async fn key_of(&self, mid: &str, key_type: &str, scopes: &[&str], expires_at: Option<&str>) -> Held {
        let terms = KeyTerms::agree(
            key_type.parse().unwrap(),
            Name::parse("Planted").unwrap(),
            None,
            ScopeSet::parse(scopes.iter().copied()).unwrap(),
            Restrictions { expires_at: expires_at.map(|at| at.parse().unwrap()), ..Restrictions::NONE },
            self.access.now(),
        );
        let command = IssueKey { mid: mid.parse().unwrap(), terms: terms.unwrap(), now: self.access.now() };
        let issued = issue_key(&self.manage, &Caller::operator(), command).await.ok().unwrap();
        Held { id: issued.key.id().to_string(), value: issued.value.expose().to_owned() }
    }

    pub(crate) async fn pair(&self, mid: &str, scopes: &[&str]) -> Pair {
        let command = IssuePair {
            mid: mid.parse().unwrap(),
            name: Name::parse("Planted pair").unwrap(),
            description: None,
            scopes: ScopeSet::parse(scopes.iter().copied()).unwrap(),
            restrictions: Restrictions::NONE,
            overwrite: false,
        };
        let issued = issue_pair(&self.manage, &Caller::operator(), &command).await.ok().unwrap();
        Pair {
            public: Held { id: issued.public.id().to_string(), value: issued.public_value.expose().to_owned() },
            secret: Held { id: issued.secret.id().to_string(), value: issued.secret_value.expose().to_owned() },
        }
    }

    /// The answer of the token endpoint to this pair.
    pub(crate) async fn tokens(&self, pair: &Pair) -> Value {
        self.token(&pair.body()).await.json(200)
    }

    /// The answer of the token endpoint to this body.
    pub(crate) async fn token(&self, body: &Value) -> Answer {
        self.request("POST", "/v1/oauth2/token").json(body).send().await
    }

    /// An access token for this pair with these scopes only.
    pub(crate) async fn narrowed_token(&self, pair: &Pair, scope: &str) -> String {
        let form = pair.form(&[("scope", scope)]);
        let tokens = self.request("POST", "/v1/oauth2/token").form(&form).send().await.json(200);
        tokens["access_token"].as_str().unwrap().to_owned()
    }

    /// The ids of the published signing keys.
    pub(crate) async fn kids(&self) -> Vec<Value> {
        let set = self.request("GET", "/.well-known/jwks.json").send().await.json(200);
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect()
    }

    /// An access token for this pair.
    pub(crate) async fn access_token(&self, pair: &Pair) -> String {
        self.tokens(pair).await["accessToken"].as_str().unwrap().to_owned()
    }
}
