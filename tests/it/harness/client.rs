//! A client of one node with one credential, and the calls that most scenarios make.

use keyward_testkit::http::{self, Answer};
use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};

/// A client and its node.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base_url: String,
    credential: Option<String>,
}

/// A key as returned at its creation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Issued {
    pub(crate) id: String,
    pub(crate) value: String,
}

/// Tokens of the token endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Client {
    /// A client without a credential.
    pub(crate) fn anonymous(base_url: &str) -> Self {
        Self::over(http::client(http::LIMIT).unwrap(), base_url)
    }

    /// A client without a credential, over this HTTP client.
    pub(crate) fn over(http: reqwest::Client, base_url: &str) -> Self {
        Self { http, base_url: base_url.to_owned(), credential: None }
    }

    /// The same with a credential: a key value or an access token.
    pub(crate) fn with(&self, credential: &str) -> Self {
        Self { credential: Some(credential.to_owned()), ..self.clone() }
    }

    /// Sends a request, and returns its answer or error.
    pub(crate) async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, String)>,
        headers: HeaderMap,
    ) -> reqwest::Result<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.base_url)).headers(headers);
        if let Some(credential) = &self.credential {
            request = request.bearer_auth(credential);
        }
        if let Some((content_type, body)) = body {
            request = request.header("content-type", content_type).body(body);
        }
        http::send(request).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<(&str, String)>) -> Answer {
        let sent = self.try_send(method.clone(), path, body, HeaderMap::new()).await;
        sent.unwrap_or_else(|error| panic!("{method} {path}: {error:?}"))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(("application/json", body.to_string()))).await
    }

    /// Sends a merge patch.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, Some(("application/json", body.to_string()))).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, Some(("application/merge-patch+json", body.to_string()))).await
    }

    pub(crate) async fn post_as(&self, path: &str, content_type: &str, body: &str) -> Answer {
        self.send(Method::POST, path, Some((content_type, body.to_owned()))).await
    }

    /// The RFC 6749 dialect of the token endpoint.
    pub(crate) async fn form(&self, body: &str) -> Answer {
        self.post_as("/v1/oauth2/token", "application/x-www-form-urlencoded", body).await
    }

    /// The body that creates a secret key.
    pub(crate) fn new_key(mid: &str, name: &str, scopes: &[&str]) -> Value {
        json!({ "mid": mid, "name": name, "type": "secret", "scopes": scopes })
    }

    /// Creates a secret key.
    pub(crate) async fn create(&self, mid: &str, name: &str, scopes: &[&str]) -> Issued {
        let created = self.post("/v1/api-keys", &Self::new_key(mid, name, scopes)).await.expect(201);
        Issued { id: created.member("id"), value: created.member("value") }
    }

    /// Verifies a key, and returns the answer.
    pub(crate) async fn verify(&self, value: &str) -> Answer {
        self.post("/v1/verify", &json!({ "key": value })).await
    }

    /// Verifies a key, and returns the code of the verdict.
    pub(crate) async fn verdict(&self, value: &str) -> String {
        self.verify(value).await.expect(200).member("code")
    }

    pub(crate) async fn revoke(&self, id: &str) -> Answer {
        self.delete(&format!("/v1/api-keys/{id}")).await
    }

    /// Tokens for a pair of keys, in the platform's dialect.
    pub(crate) async fn tokens(&self, app_key: &str, app_secret: &str) -> Tokens {
        let pair = json!({ "AppKey": app_key, "AppSecret": app_secret });
        let issued = self.post("/v1/oauth2/token", &pair).await.expect(200);
        Tokens { access: issued.member("accessToken"), refresh: issued.member("refreshToken") }
    }

    /// Redeems a refresh token.
    pub(crate) async fn redeem(&self, refresh: &str) -> Answer {
        self.post("/v1/oauth2/token", &json!({ "refreshToken": refresh })).await
    }
}
