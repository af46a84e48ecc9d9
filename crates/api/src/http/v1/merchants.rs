//! `/v1/merchants`: register, list, get, suspend, resume, close (contract, section 8).

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use keyward_app::{
    Manage,
    manage::{
        change_status, create_account,
        list_accounts::list_accounts as list_page,
        read_account::read_account,
        register_merchant::{self, RegisterMerchant},
    },
};
use keyward_domain::{AccountId, Mid, Name, Status, revocation::StatusRefusal};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Segment, no_account, no_store};
use crate::http::{
    body::Body,
    caller::{Caller, ReadMerchants, StopMerchants, WriteMerchants},
    cursor,
    given::{Check, Given},
    problem::{Code, Problem},
    query::{NoQuery, Query},
    request_facts::{Object, RequestFacts},
    views::{AccountPageView, AccountView},
    words::{MidWord, NameWord},
};

/// What a new merchant is to be.
#[derive(Deserialize, ToSchema)]
pub(in crate::http) struct NewMerchant {
    /// Made by the service when absent.
    #[schema(value_type = Option<MidWord>)]
    mid: Option<Given<Mid>>,
    /// What people call it.
    #[schema(value_type = NameWord)]
    name: Given<Name>,
    /// The platform or partner account that it is to stand below; the caller's own when absent.
    #[schema(value_type = Option<MidWord>)]
    parent_mid: Option<Given<Mid>>,
}

impl NewMerchant {
    fn check(self) -> Result<RegisterMerchant, Problem> {
        let mut check = Check::default();
        let mid = check.field("mid", self.mid);
        let name = check.field("name", self.name);
        let parent = check.field("parent_mid", self.parent_mid);
        check.finish(|| Some(RegisterMerchant { mid, name: name?, parent }))
    }
}

/// Register a merchant.
///
/// It stands below the caller, or below the account that `parent_mid` names. The body may also be
/// `multipart/form-data`, one part a field.
#[utoipa::path(
    post, path = "/v1/merchants", tag = "Merchants",
    request_body = NewMerchant,
    responses(
        (status = 201, description = "The merchant was registered.", body = AccountView,
            headers(("Location" = String, description = "The merchant's own path."))),
    ),
)]
pub(in crate::http) async fn register_merchant(
    caller: Caller<WriteMerchants>,
    State(manage): State<Arc<Manage>>,
    facts: RequestFacts,
    _: NoQuery,
    Body(body): Body<NewMerchant>,
) -> Result<impl IntoResponse, Problem> {
    let command = body.check()?;
    let merchant = register_merchant::register_merchant(&manage, &caller.0, command).await?;
    facts.is_about(Object::Account(merchant.mid.clone()));
    let location =
        [(header::LOCATION, format!("{}/v1/merchants/{}", manage.access().settings().path_prefix(), merchant.mid))];
    Ok((StatusCode::CREATED, location, Json(AccountView::from(&merchant))))
}

/// List the accounts below the caller.
///
/// All that stand below it, at any depth and of any role, newest first.
#[utoipa::path(
    get, path = "/v1/merchants", tag = "Merchants",
    params(
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "How many at the most; default 100."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before."),
    ),
    responses((status = 200, description = "A page of accounts, newest first.", body = AccountPageView)),
)]
pub(in crate::http) async fn list_merchants(
    caller: Caller<ReadMerchants>,
    State(manage): State<Arc<Manage>>,
    mut query: Query,
) -> Result<Response, Problem> {
    let (limit, before) = (query.limit(), query.cursor::<AccountId>());
    query.check()?;
    let page = list_page(&manage, &caller.0, limit, before).await?;
    let merchants = page.accounts.iter().map(AccountView::from).collect();
    Ok(no_store(AccountPageView { merchants, next_cursor: page.next.as_ref().map(cursor::encode) }))
}

/// Get a merchant.
#[utoipa::path(
    get, path = "/v1/merchants/{mid}", tag = "Merchants",
    params(("mid" = String, Path, description = "The merchant.", example = "mid_123456")),
    responses((status = 200, description = "The account.", body = AccountView)),
)]
pub(in crate::http) async fn get_merchant(
    caller: Caller<ReadMerchants>,
    State(manage): State<Arc<Manage>>,
    Segment(mid): Segment,
    facts: RequestFacts,
    _: NoQuery,
) -> Result<Response, Problem> {
    let mid = mid.parse().map_err(|_| no_account())?;
    let account = read_account(&manage, &caller.0, &mid).await?.ok_or_else(no_account)?;
    facts.is_about(Object::Account(mid));
    Ok(no_store(AccountView::from(&account)))
}

/// Suspend a merchant.
///
#[doc = " Every key of the account and of those below it is unusable until it is resumed: on every node, once this is \
         answered."]
#[utoipa::path(
    post, path = "/v1/merchants/{mid}/suspend", tag = "Merchants",
    params(("mid" = String, Path, description = "The merchant.", example = "mid_123456")),
    responses((status = 200, description = "The account, suspended.", body = AccountView)),
)]
pub(in crate::http) async fn suspend_merchant(
    caller: Caller<StopMerchants>,
    State(manage): State<Arc<Manage>>,
    Segment(mid): Segment,
    facts: RequestFacts,
    _: NoQuery,
) -> Result<Response, Problem> {
    change(&manage, &caller.0, &mid, Status::Suspended, &facts).await
}

/// Resume a suspended merchant.
///
/// The one that suspended it may, and those above: the partner, the platform, the operator at the command line.
#[utoipa::path(
    post, path = "/v1/merchants/{mid}/resume", tag = "Merchants",
    params(("mid" = String, Path, description = "The merchant.", example = "mid_123456")),
    responses((status = 200, description = "The account, active again.", body = AccountView)),
)]
pub(in crate::http) async fn resume_merchant(
    caller: Caller<WriteMerchants>,
    State(manage): State<Arc<Manage>>,
    Segment(mid): Segment,
    facts: RequestFacts,
    _: NoQuery,
) -> Result<Response, Problem> {
    change(&manage, &caller.0, &mid, Status::Active, &facts).await
}

/// Close a merchant, for good.
///
/// Its keys and those of the accounts below it read `revoked` from then on.
#[utoipa::path(
    post, path = "/v1/merchants/{mid}/close", tag = "Merchants",
    params(("mid" = String, Path, description = "The merchant.", example = "mid_123456")),
    responses((status = 200, description = "The account, closed.", body = AccountView)),
)]
pub(in crate::http) async fn close_merchant(
    caller: Caller<StopMerchants>,
    State(manage): State<Arc<Manage>>,
    Segment(mid): Segment,
    facts: RequestFacts,
    _: NoQuery,
) -> Result<Response, Problem> {
    change(&manage, &caller.0, &mid, Status::Closed, &facts).await
}

async fn change(
    manage: &Arc<Manage>,
    caller: &keyward_app::Caller,
    mid: &str,
    wanted: Status,
    facts: &RequestFacts,
) -> Result<Response, Problem> {
    let mid: Mid = mid.parse().map_err(|_| no_account())?;
    let changed = change_status::change_status(manage, caller, &mid, wanted).await;
    // Refused changes concern an existing account too.
    if matches!(&changed, Ok(_) | Err(change_status::Error::Refused(_))) {
        facts.is_about(Object::Account(mid));
    }
    Ok(no_store(AccountView::from(&changed?)))
}

impl From<register_merchant::Error> for Problem {
    fn from(error: register_merchant::Error) -> Self {
        match error {
            register_merchant::Error::MidNotAllowed => Self::new(Code::MidNotAllowed),
            register_merchant::Error::Account(error) => error.into(),
        }
    }
}

impl From<create_account::Error> for Problem {
    fn from(error: create_account::Error) -> Self {
        use create_account::Error as E;
        match error {
            E::Caller(error) => error.into(),
            E::NoSuchParent => no_account(),
            E::WrongPlace => Self::invalid("parent_mid", "must be a platform or partner account"),
            E::ParentNotActive(_) => Self::new(Code::AccountNotActive),
            E::MidTaken => Self::new(Code::MidTaken),
            // No HTTP call creates a platform.
            E::PlatformExists => Self::new(Code::Internal).because(error),
            E::Failure(failure) => failure.into(),
        }
    }
}

impl From<change_status::Error> for Problem {
    fn from(error: change_status::Error) -> Self {
        match error {
            change_status::Error::Caller(error) => error.into(),
            change_status::Error::NoSuchAccount => no_account(),
            change_status::Error::Refused(StatusRefusal::OwnAccount) => Self::new(Code::OwnAccount),
            change_status::Error::Refused(StatusRefusal::SuspendedFromAbove) => Self::new(Code::SuspendedFromAbove),
            change_status::Error::Refused(StatusRefusal::Closed) => Self::new(Code::AccountClosed),
            change_status::Error::Failure(failure) => failure.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    //! How the body is read, beyond what `given` promises of every body.
    use serde_json::json;

    use super::*;
    use crate::http::given::testing::{faulty, from_json, reads_what_it_documents};

    #[test]
    fn each_field_is_read_as_documented() {
        reads_what_it_documents::<NewMerchant, _>(NewMerchant::check);
    }

    #[test]
    fn every_wrong_field_is_named() {
        let fields =
            faulty(from_json(&json!({"parentMid": "!", "name": "", "mid": "key_1"})).and_then(NewMerchant::check));
        assert_eq!(fields, ["mid", "name", "parent_mid"]);
    }
}
