//! What a gateway requires of a credential, from path, query and headers. Query and headers only narrow.

use http::{HeaderMap, HeaderValue};
use keyward_domain::{Conditions, Denial, MAX_SCOPES, MAX_SCOPES_LEN, Scope, ScopeSet};

use super::{super::create_key::key_type, AuthPath};
use crate::http::{
    problem::{Code, Problem},
    query::Query,
};

const PARAMETERS: [&str; 3] = ["scope", "type", "mid"];
/// What the names of conditions in headers begin with.
const PREFIX: &str = "x-keyward-require-";
const SCOPE: &str = "x-keyward-require-scope";
const MID: &str = "x-keyward-require-mid";
/// Of an unknown header's name, so much is repeated.
const NAME_SHOWN: usize = 64;

/// All that is required.
#[derive(Debug, Default)]
pub(in crate::http) struct Required {
    pub(in crate::http) conditions: Conditions,
    /// Conditions that nothing meets: in the words for each, why the answer is no.
    unmeetable: Vec<(Denial, String)>,
}

impl Required {
    /// Reads what a request requires.
    ///
    /// # Errors
    /// A fault of the query, where the query counts.
    pub(in crate::http) fn read(path: AuthPath, query: Option<&str>, headers: &HeaderMap) -> Result<Self, Problem> {
        let query = query.filter(|_| !path.has_tail);
        let mut required = match query {
            Some(query) => Self { conditions: in_query(path, Query::read(query)?)?, unmeetable: Vec::new() },
            None => {
                Self { conditions: Conditions { key_type: path.key_type, ..Conditions::default() }, ..Self::default() }
            }
        };
        if headers.keys().any(|name| name.as_str().starts_with(PREFIX)) {
            required.add(headers);
        }
        Ok(required)
    }

    /// Whether some credential could meet it.
    pub(in crate::http) const fn is_meetable(&self) -> bool {
        self.unmeetable.is_empty()
    }

    /// The first reason to refuse any credential, in the order in which conditions are looked at.
    pub(super) fn refuses_all(&self) -> Option<Denial> {
        let first = |denial: &Denial| *denial == Denial::WrongAccount;
        let denials = || self.unmeetable.iter().map(|(denial, _)| *denial);
        denials().find(first).or_else(|| denials().next())
    }

    /// What is said of a refusal for this reason, beside what the credential lacks.
    pub(super) fn detail(&self, denial: Denial) -> Option<String> {
        let sentences =
            self.unmeetable.iter().filter(|(because, _)| *because == denial).map(|(_, sentence)| &**sentence);
        Some(sentences.collect::<Vec<_>>().join(" ")).filter(|detail| !detail.is_empty())
    }

    /// Adds the conditions in headers.
    fn add(&mut self, headers: &HeaderMap) {
        self.add_scopes(headers);
        self.add_mid(headers);
        let unknown = |name: &&str| name.starts_with(PREFIX) && *name != SCOPE && *name != MID;
        if let Some(name) = headers.keys().map(http::HeaderName::as_str).find(unknown) {
            let shown: String = name.chars().take(NAME_SHOWN).collect();
            let sentence = format!("{shown} is no condition: there are {SCOPE} and {MID}.");
            self.unmeetable.push((Denial::InsufficientScope, sentence));
        }
    }

    fn add_scopes(&mut self, headers: &HeaderMap) {
        let mut all: Vec<&str> = self.conditions.scopes.iter().collect();
        let (mut readable, mut len) = (true, all.iter().map(|scope| scope.len()).sum::<usize>());
        for line in headers.get_all(SCOPE) {
            let mut scopes = text(line).split([',', ' ', '\t']).filter(|scope| !scope.is_empty()).peekable();
            readable &= scopes.peek().is_some();
            for scope in scopes {
                if all.contains(&scope) {
                    continue;
                }
                len += scope.len();
                if all.len() == MAX_SCOPES || len > MAX_SCOPES_LEN || scope.parse::<Scope>().is_err() {
                    readable = false;
                    break;
                }
                all.push(scope);
            }
        }
        let all: ScopeSet = all.into_iter().collect();
        self.conditions.scopes = all;
        if !readable {
            let sentence = format!(
                "{SCOPE} must hold scopes, at most {MAX_SCOPES} and together at most {MAX_SCOPES_LEN} characters, \
                 separated by commas or spaces."
            );
            self.unmeetable.push((Denial::InsufficientScope, sentence));
        }
    }

    fn add_mid(&mut self, headers: &HeaderMap) {
        for line in headers.get_all(MID) {
            match (text(line).trim_ascii().parse(), &self.conditions.mid) {
                (Ok(mid), None) => self.conditions.mid = Some(mid),
                (Ok(mid), Some(other)) if mid == *other => {}
                (Ok(_), Some(_)) => {
                    let sentence = format!("{MID} requires another account than was required before.");
                    return self.unmeetable.push((Denial::WrongAccount, sentence));
                }
                (Err(_), _) => {
                    let sentence = format!("{MID} must hold the mid of an account.");
                    return self.unmeetable.push((Denial::WrongAccount, sentence));
                }
            }
        }
    }
}

/// A header as text. Bytes that are not text become `!`, which is no condition either.
fn text(line: &HeaderValue) -> &str {
    line.to_str().unwrap_or("!")
}

/// The conditions in a query. Its type may only repeat what the path says.
fn in_query(path: AuthPath, mut query: Query) -> Result<Conditions, Problem> {
    let unknown = query.unknown_conditions(&PARAMETERS);
    if !unknown.is_empty() {
        return Err(Problem::new(Code::UnknownCondition).faults(unknown));
    }
    let scopes = ScopeSet::parse(query.all("scope")).map_err(|error| error.to_string());
    let scopes = scopes.map_err(|message| query.fault("scope", message)).unwrap_or_default();
    match query.one("type").map(|text| key_type(&text)) {
        None => {}
        Some(Ok(asked)) if asked == path.key_type => {}
        Some(Ok(asked)) => {
            let message = format!("must be {}, which the path takes; call /v1/auth-{asked} instead", path.key_type);
            query.fault("type", message.replace("/v1/auth-secret", "/v1/auth"));
        }
        Some(Err(error)) => query.fault("type", error.to_string()),
    }
    let mid = query.parse("mid");
    query.check()?;
    Ok(Conditions { scopes, key_type: path.key_type, mid })
}
