//! Registers a merchant (contract, section 8).

use std::sync::Arc;

use keyward_domain::{Account, Mid, Name, Role};

use super::{
    Manage,
    create_account::{self, CreateAccount, create_account},
};
use crate::access::Caller;

/// Command: register a merchant.
#[derive(Clone, Debug)]
pub struct RegisterMerchant {
    /// Mid chosen by the caller; the service makes one if absent.
    pub mid: Option<Mid>,
    /// Display name.
    pub name: Name,
    /// The platform or partner account directly above the merchant; the caller's own if absent.
    pub parent: Option<Mid>,
}

/// Why no merchant was registered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Callers of this role may not choose mids in this deployment.
    #[error("the caller may not choose a mid")]
    MidNotAllowed,
    /// Any reason of `create_account`.
    #[error(transparent)]
    Account(#[from] create_account::Error),
}

/// Registers a merchant.
///
/// # Errors
/// [`Error`]; nothing was written then, unless the outcome of the commit is unknown.
pub async fn register_merchant(
    manage: &Arc<Manage>,
    caller: &Caller,
    command: RegisterMerchant,
) -> Result<Account, Error> {
    let RegisterMerchant { mid, name, parent } = command;
    // No partner may claim the mid of another tenant's real merchant.
    let may_name = caller.is_above_partners() || manage.runtime.settings.partners_name_mids;
    if mid.is_some() && !may_name {
        return Err(Error::MidNotAllowed);
    }
    let parent = parent.or_else(|| caller.account().map(|own| own.mid.clone()));
    Ok(create_account(manage, caller, CreateAccount { role: Role::Merchant, mid, name, parent }).await?)
}
