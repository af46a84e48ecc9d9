//! Almost correct requests without a route: suggests what was probably meant, from the request alone.

use keyward_domain::KeyId;
use uuid::Uuid;

use super::problem::{Code, Problem};

/// Answers an unknown path.
pub(super) async fn no_such_route() -> Problem {
    Problem::new(Code::NotFound)
}

/// Answers a method that the path does not support.
pub(super) async fn no_such_method() -> Problem {
    Problem::new(Code::MethodNotAllowed)
}

/// Answers for a key that does not exist for the caller, by the segment in its place.
pub(super) fn no_key(segment: &str) -> Problem {
    let problem = Problem::new(Code::KeyNotFound);
    match meant(segment) {
        Some(id) => problem.detail(format!("A bare UUID is not the id of a key: written as one, it is {id}.")),
        None => problem,
    }
}

/// Answers for an account that does not exist for the caller, where a key id is allowed too.
pub(super) fn no_account_or_key(problem: Problem, segment: &str) -> Problem {
    match meant(segment) {
        Some(id) if problem.code() == Code::AccountNotFound => problem.detail(format!(
            "A bare UUID is read as a mid here, and there is no such account. As the id of a key it is {id}."
        )),
        Some(_) | None => problem,
    }
}

/// The key id that a bare UUID may mean: the platform's clients know keys by it.
fn meant(segment: &str) -> Option<KeyId> {
    const HYPHENATED: usize = 36;
    let uuid: Option<Uuid> = (segment.len() == HYPHENATED).then(|| segment.parse().ok()).flatten();
    uuid.map(KeyId::from_uuid)
}
