//! Adds keys: one statement for any number of them, each within its caller's reach and with its authority. Never
//! decides whether a key may be issued; the statement's condition requires that its account is within reach and active.

use std::collections::HashSet;

use async_trait::async_trait;
use keyward_domain::{ApiKey, Description, KeyState, Material, Reach, SecretDigest};
use sqlx::PgExecutor;
use tokio::time::{Duration, timeout};
use uuid::Uuid;

use super::{
    batcher::Batched,
    callers::Callers,
    error::{commit_failed, commit_late, failed, late},
    instant::PgInstant,
    plans::Plans,
    restrictions::RestrictionColumns,
    rows::root,
    transactions::{Transactions, commit},
};
use crate::{
    Authority, Result, Write, is_outdated,
    row::{actor_column, metadata_column},
};

/// A key to add.
pub(super) struct Insertion {
    by: Authority,
    root: Option<Uuid>,
    key: ApiKey,
}

impl Insertion {
    pub(super) fn new(by: &Authority, within: &Reach, key: &ApiKey) -> Self {
        Self { by: *by, root: root(within), key: key.clone() }
    }
}

/// Additions, each of which commits by itself or together with concurrent ones.
pub(super) struct Insertions {
    pub(super) transactions: Transactions,
    pub(super) plans: Plans,
    pub(super) statement_timeout: Duration,
    pub(super) commit_timeout: Duration,
}

#[async_trait]
impl Batched for Insertions {
    type Request = Insertion;
    type Answer = Write;

    /// Without callers, one statement that is its own transaction suffices. With callers, the commit is a separate
    /// message, which checks them again: if one of several callers changed, nothing is written, and each addition is
    /// retried alone.
    async fn answer(&self, requests: &[Insertion]) -> Result<Vec<Write>> {
        let mut callers = Callers::default();
        for it in requests {
            callers.add(&it.by);
        }
        let mut written = self.write(&callers, requests).await;
        // Rejected before anything was executed.
        if written.as_ref().is_err_and(|error| is_outdated(error)) {
            written = self.write(&callers, requests).await;
        }
        let written = written?;
        Ok(requests.iter().map(|it| found(&written, it)).collect())
    }
}

impl Insertions {
    async fn write(&self, callers: &Callers, requests: &[Insertion]) -> Result<HashSet<Uuid>> {
        if callers.are_none() {
            self.in_one_statement(requests).await
        } else {
            self.in_transaction(callers, requests).await
        }
    }

    async fn in_one_statement(&self, requests: &[Insertion]) -> Result<HashSet<Uuid>> {
        // Without a connection, nothing was written; after any later failure, the outcome is unknown.
        let mut connection = self.transactions.pool.acquire().await.map_err(failed)?;
        let written = timeout(self.statement_timeout + self.commit_timeout, insert(&mut *connection, requests)).await;
        self.plans.note(written.map_err(commit_late)?).map_err(commit_failed)
    }

    async fn in_transaction(&self, callers: &Callers, requests: &[Insertion]) -> Result<HashSet<Uuid>> {
        let mut transaction = self.transactions.begin().await?;
        let written = timeout(self.statement_timeout, insert(&mut *transaction, requests)).await;
        let written = self.plans.note(written.map_err(late)?).map_err(failed)?;
        commit(transaction, callers, self.commit_timeout).await?;
        Ok(written)
    }
}

/// Adds a key in the caller's transaction.
pub(super) async fn insert_one(executor: impl PgExecutor<'_>, it: Insertion) -> Result<Write, sqlx::Error> {
    let written = insert(executor, std::slice::from_ref(&it)).await?;
    Ok(found(&written, &it))
}

fn found(written: &HashSet<Uuid>, it: &Insertion) -> Write {
    if written.contains(&it.key.id().uuid()) { Write::Applied } else { Write::Stale }
}

/// The columns of the rows to add, one array each.
#[derive(Default)]
struct Columns {
    root: Vec<Option<Uuid>>,
    id: Vec<Uuid>,
    account: Vec<Uuid>,
    key_type: Vec<&'static str>,
    name: Vec<String>,
    description: Vec<Option<String>>,
    scopes: Vec<String>,
    writes_keys: Vec<bool>,
    digest: Vec<Option<String>>,
    value: Vec<Option<String>>,
    last_four: Vec<String>,
    created_at: Vec<PgInstant>,
    created_by: Vec<Option<Uuid>>,
    state: Vec<&'static str>,
    revoked_at: Vec<Option<PgInstant>>,
    revoked_by: Vec<Option<Uuid>>,
    reason: Vec<Option<&'static str>>,
    pair: Vec<Option<Uuid>>,
    unique_name: Vec<Option<String>>,
    metadata: Vec<Option<String>>,
    restrictions: RestrictionColumns,
}

impl Columns {
    fn push(&mut self, Insertion { by: _, root, key }: &Insertion) {
        let facts = key.facts();
        let (digest, value) = match &facts.material {
            Material::Secret(digest) => (Some(SecretDigest::encode(digest)), None),
            Material::Readable(value) => (None, Some(value.as_ref().to_owned())),
        };
        let (state, revocation) = match &facts.state {
            KeyState::Active => ("active", None),
            KeyState::Revoked(revocation) => ("revoked", Some(revocation)),
        };
        self.root.push(*root);
        self.id.push(key.id().uuid());
        self.account.push(facts.account.uuid());
        self.key_type.push(facts.key_type.as_str());
        self.name.push(facts.name.as_str().to_owned());
        self.description.push(facts.description.as_ref().map(Description::as_str).map(str::to_owned));
        self.scopes.push(facts.scopes.as_str().to_owned());
        self.writes_keys.push(key.is_manager_key());
        self.digest.push(digest);
        self.value.push(value);
        self.last_four.push(facts.last_four.as_str().to_owned());
        self.created_at.push(PgInstant::from(facts.created_at));
        self.created_by.push(actor_column(facts.created_by));
        self.state.push(state);
        self.revoked_at.push(revocation.map(|it| PgInstant::from(it.at)));
        self.revoked_by.push(revocation.and_then(|it| actor_column(it.by)));
        self.reason.push(revocation.map(|it| it.reason.as_str()));
        self.pair.push(facts.pair.as_ref().map(|pair| pair.id.uuid()));
        self.unique_name.push(facts.pair.as_ref().map(|pair| pair.unique_name.as_ref().to_owned()));
        self.metadata.push(metadata_column(&facts.metadata));
        self.restrictions.push(&facts.restrictions);
    }
}

/// Adds the keys whose account is within reach and active with all ancestors. Returns the ids of the added keys.
async fn insert(executor: impl PgExecutor<'_>, rows: &[Insertion]) -> Result<HashSet<Uuid>, sqlx::Error> {
    let mut new = Columns::default();
    for row in rows {
        new.push(row);
    }
    let added = insert_with_restrictions!(
        ["INSERT INTO api_key (
            id, account_id, type, name, description, scopes, writes_keys, digest, value, last_four, created_at,
            created_by, state, revoked_at, revoked_by, revocation_reason, pair_id, unique_name, metadata,
            line_id, "][")
        SELECT n.id, v.id, n.type, n.name, n.description, n.scopes, n.writes_keys, n.digest, n.value, n.last_four,
            n.created_at, n.created_by, n.state, n.revoked_at, n.revoked_by, n.reason, n.pair_id, n.unique_name,
            n.metadata, CASE WHEN v.grandparent_id IS NULL THEN v.id ELSE v.parent_id END, "]["
        FROM UNNEST(
            $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[],
            $9::text[], $10::text[], $11::text[], $12::timestamptz[], $13::uuid[], $14::text[], $15::timestamptz[],
            $16::uuid[], $17::text[], $18::uuid[], $19::text[], $20::text[], "][") AS n (
            root, id, account_id, type, name, description, scopes, writes_keys, digest, value, last_four, created_at,
            created_by, state, revoked_at, revoked_by, reason, pair_id, unique_name, metadata, "][r#")
        JOIN visible_account v ON v.id = n.account_id AND v.root_id = coalesce(n.root, v.id)
        WHERE v.status = 'active' AND coalesce(v.parent_status, 'active') = 'active'
        AND coalesce(v.grandparent_status, 'active') = 'active'
        RETURNING id AS "id!""#],
        new.restrictions,
        &new.root as &[Option<Uuid>],
        &new.id,
        &new.account,
        &new.key_type as &[&str],
        &new.name,
        &new.description as &[Option<String>],
        &new.scopes,
        &new.writes_keys,
        &new.digest as &[Option<String>],
        &new.value as &[Option<String>],
        &new.last_four,
        &new.created_at as &[PgInstant],
        &new.created_by as &[Option<Uuid>],
        &new.state as &[&str],
        &new.revoked_at as &[Option<PgInstant>],
        &new.revoked_by as &[Option<Uuid>],
        &new.reason as &[Option<&str>],
        &new.pair as &[Option<Uuid>],
        &new.unique_name as &[Option<String>],
        &new.metadata as &[Option<String>]
    )
    .fetch_all(executor)
    .await?;
    Ok(added.into_iter().collect())
}
