//! Requests that lead nowhere although they are almost right: what was probably meant, from the request alone.

use std::sync::Arc;

use axum::extract::State;
use http::{Method, Uri};
use keyward_app::Access;
use keyward_domain::KeyId;
use uuid::Uuid;

use super::problem::{Code, Problem};

/// A path that there is not.
pub(super) async fn no_such_route() -> Problem {
    Problem::new(Code::NotFound)
}

/// A method that the path does not take.
pub(super) async fn no_such_method(State(access): State<Arc<Access>>, method: Method, uri: Uri) -> Problem {
    let problem = Problem::new(Code::MethodNotAllowed);
    if matches!(method, Method::GET | Method::HEAD) && uri.path() == "/v1/api-keys" {
        let prefix = access.settings().path_prefix();
        return problem.detail(format!("Keys are listed by account: GET {prefix}/v1/api-keys/{{mid}}."));
    }
    problem
}

/// A key that does not exist for the caller, by what stood in its place.
pub(super) fn no_key(segment: &str) -> Problem {
    let problem = Problem::new(Code::KeyNotFound);
    match meant(segment) {
        Some(id) => problem.detail(format!("A bare UUID is not the id of a key: written as one, it is {id}.")),
        None => problem,
    }
}

/// The same for an account, where the id of a key may stand as well.
pub(super) fn no_account_or_key(problem: Problem, segment: &str) -> Problem {
    match meant(segment) {
        Some(id) if problem.code() == Code::AccountNotFound => problem.detail(format!(
            "A bare UUID is read as a mid here, and there is no such account. As the id of a key it is {id}."
        )),
        Some(_) | None => problem,
    }
}

/// The id of the key that a bare UUID may mean: clients of the platform know keys by it.
fn meant(segment: &str) -> Option<KeyId> {
    const HYPHENATED: usize = 36;
    let uuid: Option<Uuid> = (segment.len() == HYPHENATED).then(|| segment.parse().ok()).flatten();
    uuid.map(KeyId::from_uuid)
}
