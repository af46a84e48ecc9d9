//! Errors of commands that name what does not exist, with how to find what does.
//!
//! Looks nothing up.

use anyhow::anyhow;
use keyward_domain::{KeyId, Mid};

/// Reports an unknown mid.
pub(super) fn no_such_account(mid: &Mid) -> anyhow::Error {
    anyhow!("there is no account {mid}: `keyward account list` lists all accounts")
}

/// Reports an unknown key.
pub(super) fn no_such_key(id: KeyId) -> anyhow::Error {
    anyhow!("there is no key {id}: `keyward key list --mid MID` lists those of an account")
}
