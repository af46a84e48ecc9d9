//! The requirements of a gateway, from path, query and headers. Query and headers can only add requirements.

use http::{HeaderMap, HeaderName, HeaderValue};
use keyward_app::access::authorize::Question;
use keyward_domain::{Denial, MAX_SCOPES, MAX_SCOPES_LEN, Requirements, Scope, ScopeSet};

use super::path::AuthPath;
use crate::http::{
    given::{key_type, place_name},
    problem::{Code, FieldErrors, Problem},
    query::Query,
};

const PARAMETERS: [&str; 3] = ["scope", "type", "mid"];
/// Prefix of the headers that hold requirements.
const PREFIX: &str = "x-keyward-require-";
const SCOPE: &str = "x-keyward-require-scope";
const MID: &str = "x-keyward-require-mid";

/// All requirements of a request.
#[derive(Debug, Default)]
pub(in crate::http) struct Required {
    requirements: Requirements,
    /// Headers that require an account which no credential has, by name.
    wrong_account: FieldErrors,
    /// Headers with any other requirement that no credential meets.
    insufficient_scope: FieldErrors,
}

impl Required {
    /// Reads the requirements of a request.
    ///
    /// # Errors
    /// An invalid query, where the query is read.
    pub(in crate::http) fn read(path: AuthPath, query: Option<&str>, headers: &HeaderMap) -> Result<Self, Problem> {
        let requirements = match query.filter(|_| !path.has_tail) {
            Some(query) => in_query(path, Query::read(query)?)?,
            None => Requirements { key_type: path.key_type, ..Requirements::default() },
        };
        let mut required = Self { requirements, ..Self::default() };
        if headers.keys().any(|name| name.as_str().starts_with(PREFIX)) {
            required.add(headers);
        }
        Ok(required)
    }

    /// The requirements, as the use case asks about them.
    pub(super) const fn question(&self) -> Question<'_> {
        Question { requirements: &self.requirements, refused: self.refuses_all() }
    }

    /// The first reason to refuse every credential, in the contract's order.
    pub(super) const fn refuses_all(&self) -> Option<Denial> {
        if !self.wrong_account.is_empty() {
            Some(Denial::WrongAccount)
        } else if !self.insufficient_scope.is_empty() {
            Some(Denial::InsufficientScope)
        } else {
            None
        }
    }

    /// Names every header that no credential meets, in a refusal for this reason.
    pub(super) fn explain(&self, denial: Denial, problem: Problem) -> Problem {
        if self.refuses_all() != Some(denial) {
            return problem;
        }
        let others = Problem::new(problem.code()).field_errors(self.insufficient_scope.clone());
        problem.field_errors(self.wrong_account.clone()).and(others)
    }

    /// Adds the requirements in headers.
    fn add(&mut self, headers: &HeaderMap) {
        self.add_scopes(headers);
        self.add_mid(headers);
        let unknown = |name: &&str| name.starts_with(PREFIX) && *name != SCOPE && *name != MID;
        for name in headers.keys().map(HeaderName::as_str).filter(unknown) {
            let words = || (name.to_owned(), format!("is no condition (there are {SCOPE}, {MID})"));
            self.insufficient_scope.add_with(words);
        }
    }

    fn add_scopes(&mut self, headers: &HeaderMap) {
        let mut all: Vec<&str> = self.requirements.scopes.iter().collect();
        let (mut len, mut too_many) = (all.iter().map(|scope| scope.len()).sum::<usize>(), false);
        let mut places = 0_usize..;
        for line in headers.get_all(SCOPE) {
            let mut scopes = text(line).split([',', ' ', '\t']).filter(|scope| !scope.is_empty()).peekable();
            if scopes.peek().is_none() {
                self.insufficient_scope.add(SCOPE, "must hold a scope");
            }
            for (scope, place) in scopes.zip(&mut places) {
                if all.contains(&scope) {
                    continue;
                }
                match scope.parse::<Scope>() {
                    Err(error) => {
                        self.insufficient_scope.add_with(|| (format!("{SCOPE}[{place}]"), error.to_string()));
                    }
                    Ok(_) if all.len() == MAX_SCOPES || len + scope.len() > MAX_SCOPES_LEN => too_many = true,
                    Ok(_) => {
                        len += scope.len();
                        all.push(scope);
                    }
                }
            }
        }
        if too_many {
            let most = format!("must not hold more than {MAX_SCOPES} scopes or {MAX_SCOPES_LEN} characters of scopes");
            self.insufficient_scope.add(SCOPE, most);
        }
        let all: ScopeSet = all.into_iter().collect();
        self.requirements.scopes = all;
    }

    fn add_mid(&mut self, headers: &HeaderMap) {
        let (mut malformed, mut another) = (None, false);
        for line in headers.get_all(MID) {
            match (text(line).trim_ascii().parse(), &self.requirements.mid) {
                (Ok(mid), None) => self.requirements.mid = Some(mid),
                (Ok(mid), Some(other)) => another |= mid != *other,
                (Err(error), _) => malformed = Some(error),
            }
        }
        if let Some(error) = malformed {
            self.wrong_account.add(MID, error.to_string());
        }
        if another {
            self.wrong_account.add(MID, "must name the account that the query or an earlier line requires");
        }
    }
}

/// A header as text. Bytes that are not text become `!`, which is no valid requirement either.
fn text(line: &HeaderValue) -> &str {
    line.to_str().unwrap_or("!")
}

/// The requirements in a query. Its type may only repeat that of the path.
fn in_query(path: AuthPath, mut query: Query) -> Result<Requirements, Problem> {
    let unknown = query.unknown_conditions(&PARAMETERS);
    if !unknown.is_empty() {
        return Err(Problem::new(Code::UnknownCondition).field_errors(unknown));
    }
    let scopes = ScopeSet::parse(query.all("scope"));
    let scopes = scopes.unwrap_or_else(|_| {
        for error in ScopeSet::errors(query.all("scope")) {
            query.refuse(&place_name("scope", &error), error.to_string());
        }
        ScopeSet::empty()
    });
    match query.one("type").map(|text| key_type(&text)) {
        None => {}
        Some(Ok(given)) if given == path.key_type => {}
        Some(Ok(given)) => {
            let message = format!("must be {}, which the path takes; call /v1/auth-{given} instead", path.key_type);
            query.refuse("type", message.replace("/v1/auth-secret", "/v1/auth"));
        }
        Some(Err(error)) => query.refuse("type", error.to_string()),
    }
    let mid = query.parse("mid");
    query.check()?;
    Ok(Requirements { scopes, key_type: path.key_type, mid })
}
