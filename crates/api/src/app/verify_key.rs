//! "Is this key good, and for what?" (contract, section 13, `/v1/verify`).

use std::sync::Arc;

use keyward_domain::{Candidate, Conditions, Denial, KeyId, PresentedValue, Verdict, judge};
use keyward_storage::Credential;

use super::{App, Caller, Fault, TooManyAttempts, attempts::Guesser, proving};

/// The answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Verified {
    /// Good for all that was asked.
    Valid(Box<Credential>),
    /// Not good.
    Invalid {
        /// Why.
        denial: Denial,
        /// The key, where the caller may know which it is.
        id: Option<KeyId>,
    },
}

/// Why the question could not be answered. Never a verdict.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too many wrong secrets for one key whose digest is slow to check.
    #[error(transparent)]
    TooManyAttempts(#[from] TooManyAttempts),
    /// Not the caller's fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

proving::failures!(Error);

/// Verifies one key within the caller's reach.
///
/// # Errors
/// [`Error`] if the question could not be answered.
pub async fn verify_key(
    app: &Arc<App>,
    caller: &Caller,
    value: &str,
    conditions: &Conditions,
) -> Result<Verified, Error> {
    let presented = PresentedValue::parse(value, app.settings.environment);
    let found = match &presented {
        Ok(presented) => {
            let guesser = Guesser::Account(caller.account().map(|own| own.id));
            proving::find(app, presented, guesser).await?
        }
        Err(_) => None,
    };
    let candidate = found.as_ref().map(|found| Candidate {
        key: &found.credential.key,
        chain: &found.credential.chain,
        scopes: &found.credential.key.facts().scopes,
        proof: found.proof,
    });
    let now = app.now();
    let looked_up = match &presented {
        Ok(_) => Ok(candidate),
        Err(error) => Err(*error),
    };
    let verified = match judge(looked_up, Some(&caller.reach()), conditions, now) {
        Verdict::Invalid { denial, id } => Verified::Invalid { denial, id },
        Verdict::Valid { key, chain, .. } => {
            app.usage.note(key.key().id(), now);
            Verified::Valid(Box::new(Credential { key: key.key().clone(), chain: chain.clone() }))
        }
    };
    if let (Ok(presented), Some(found), Verified::Valid(_)) = (&presented, &found, &verified) {
        proving::renew_digest(app, presented, found);
    }
    Ok(verified)
}
