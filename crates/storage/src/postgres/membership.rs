//! The rows of `node_lease`. Joins and renewals commit as durably as revocations (R12): `synchronous_commit` is on.

use std::time::Duration;

use async_trait::async_trait;
use keyward_domain::Timestamp;
use uuid::Uuid;

use super::{
    control::PgControl,
    error::commit_failed,
    history,
    instant::PgInstant,
    rows::{column, missing_head},
};
use crate::{
    HistoryToken, JoinRequest, LeaseReply, LostHistory, Member, Members, Membership, NodeId, Position, Renewal, Result,
    StorageError, Write,
    pool::Through as _,
    row::{stored_moment, stored_seq, stored_snapshot},
};

const TABLE: &str = "node_lease";

/// Converts a time of the database's wall clock.
fn wall_clock(at: PgInstant) -> Result<Timestamp> {
    stored_moment(at.into(), TABLE, "clock_timestamp")
}

/// Converts a random number to a column value.
fn random(number: u64) -> i64 {
    // Drops the sign bit: the column has no negative numbers.
    i64::try_from(number & (u64::MAX >> 1)).unwrap_or(i64::MAX)
}

#[async_trait]
impl Membership for PgControl {
    async fn join(&self, node: &JoinRequest) -> Result<LeaseReply> {
        // An existing node id is an error, never an update: an aborted join that takes effect late would acknowledge
        // events that its node has not applied.
        let ttl_ms = i32::try_from(node.ttl.as_millis()).unwrap_or(i32::MAX);
        let query = sqlx::query!(
            r#"INSERT INTO node_lease (node, counter, applied, ttl_ms, started_at, renewed_at, version,
                secret_digest)
            SELECT $1::uuid, $6::bigint, p.seq, $3::integer, $4::timestamptz, clock_timestamp(), $5,
                sha256(convert_to($7, 'UTF8'))
            FROM history_position p CROSS JOIN leave_node_lease($2, $7)
            RETURNING applied AS "head!", (SELECT p.nonce FROM history_position p) AS "nonce!",
                (SELECT p.token FROM history_position p) AS "token!", renewed_at AS "database_time!""#,
            node.node.uuid(),
            node.previous.map(NodeId::uuid),
            ttl_ms,
            PgInstant::from(node.started_at),
            node.version,
            random(node.counter),
            self.secret.text()
        );
        let mut own = self.lease_connection().await?;
        let row = self.answered(query.fetch_one(own.connection())).await?;
        own.give_back();
        let database_time = wall_clock(row.database_time)?;
        Ok(LeaseReply { head: stored_snapshot(row.head, row.nonce, &row.token)?, database_time })
    }

    async fn renew(&self, renewal: &Renewal) -> Result<Option<LeaseReply>> {
        // The row's trigger checks the secret, which this statement sets by a join with a single row; the setting ends
        // with the statement. All comparisons use the statement's own snapshot: the history that grants the lease is
        // the one compared.
        let counters: Vec<i64> = renewal.counters.iter().copied().map(random).collect();
        let query = sqlx::query!(
            r#"WITH proof AS MATERIALIZED (SELECT set_config('keyward.lease_secret', $7, true) AS given)
            UPDATE node_lease
            SET counter = $3, applied = greatest(applied, $2::bigint), renewed_at = clock_timestamp()
            FROM proof WHERE proof.given = $7 AND node = $1 AND counter = ANY ($4)
            AND (SELECT p.token FROM history_position p) = $5
            AND ($2::bigint = 0 OR EXISTS (SELECT 1 FROM revocation_event e WHERE e.seq = $2 AND e.nonce = $6))
            RETURNING (SELECT p.seq FROM history_position p) AS "head!",
                (SELECT p.nonce FROM history_position p) AS "nonce!",
                (SELECT p.token FROM history_position p) AS "token!", renewed_at AS "database_time!""#,
            renewal.node.uuid(),
            column(renewal.applied.seq),
            random(renewal.counter),
            &counters,
            renewal.token.to_string(),
            renewal.applied.nonce.uuid(),
            self.secret.text()
        );
        let mut own = self.lease_connection().await?;
        let row = self.answered(query.fetch_optional(own.connection())).await?;
        own.give_back();
        let Some(row) = row else { return Ok(None) };
        let database_time = wall_clock(row.database_time)?;
        Ok(Some(LeaseReply { head: stored_snapshot(row.head, row.nonce, &row.token)?, database_time }))
    }

    async fn leave(&self, node: NodeId) -> Result<()> {
        let query = sqlx::query!("SELECT leave_node_lease($1, $2)", node.uuid(), self.secret.text());
        let mut own = self.lease_connection().await?;
        self.answered(query.fetch_one(own.connection())).await?;
        own.give_back();
        Ok(())
    }

    async fn members(&self, events: &[Position]) -> Result<Members> {
        let (numbers, nonces): (Vec<i64>, Vec<Uuid>) =
            events.iter().map(|event| (column(event.seq), event.nonce.uuid())).unzip();
        // Returns the head even if no node is a member.
        let query = || {
            sqlx::query!(
                r#"SELECT p.seq AS "head!", p.nonce AS "head_nonce!", p.token AS "token!",
               clock_timestamp() AS "database_time!", m.node AS "node?",
               m.counter AS "counter?", m.applied AS "applied?", m.ttl_ms AS "ttl_ms?",
               m.started_at AS "started_at?", m.renewed_at AS "renewed_at?", m.version AS "version?",
               COALESCE((SELECT k.token FROM history_mark k WHERE k.id) = p.token, false) AS "is_marked!",
               ARRAY(
                   SELECT n.place FROM UNNEST($1::bigint[], $2::uuid[]) WITH ORDINALITY AS n (seq, nonce, place)
                   WHERE NOT EXISTS (SELECT 1 FROM revocation_event e WHERE e.seq = n.seq AND e.nonce = n.nonce)
               ) AS "absent!"
            FROM history_position p LEFT JOIN node_lease m ON true
            ORDER BY m.node"#,
                &numbers,
                &nonces
            )
            .all(&self.store.pool)
        };
        let rows = self.store.plans.ask(query).await?;
        let first = rows.first().ok_or_else(missing_head)?;
        let head = stored_snapshot(first.head, first.head_nonce, &first.token)?;
        let (database_time, is_marked) = (wall_clock(first.database_time)?, first.is_marked);
        // Counted from one.
        let place = |place: &i64| usize::try_from(place - 1).ok().and_then(|place| events.get(place)).copied();
        let absent = first.absent.iter().filter_map(place).collect();
        let mut members = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(node) = row.node else { continue };
            let corrupt = || StorageError::Corrupt { table: TABLE, id: node.to_string() };
            let moment =
                |at: Option<PgInstant>| at.map_or_else(|| Err(corrupt()), |at| stored_moment(at.into(), TABLE, node));
            members.push(Member {
                node: NodeId::from_uuid(node),
                counter: row.counter.and_then(|it| u64::try_from(it).ok()).ok_or_else(corrupt)?,
                applied: stored_seq(row.applied.ok_or_else(corrupt)?)?,
                ttl: row.ttl_ms.and_then(|it| u64::try_from(it).ok()).map(Duration::from_millis).ok_or_else(corrupt)?,
                started_at: moment(row.started_at)?,
                renewed_at: moment(row.renewed_at)?,
                version: row.version.ok_or_else(corrupt)?,
            });
        }
        Ok(Members { rows: members, head, is_marked, absent, database_time })
    }

    async fn reap(&self, node: NodeId, counter: u64) -> Result<Write> {
        let Ok(counter) = i64::try_from(counter) else { return Ok(Write::Stale) };
        let query = sqlx::query_scalar!(r#"SELECT reap_node_lease($1, $2) AS "gone!""#, node.uuid(), counter);
        let gone = query.one(&self.store.pool).await.map_err(commit_failed)?;
        Ok(if gone == 0 { Write::Stale } else { Write::Applied })
    }

    async fn mark(&self, token: HistoryToken) -> Result<Write> {
        history::mark(&self.store, token).await
    }

    async fn record_lost(&self, lost: &LostHistory) -> Result<()> {
        history::record_lost(&self.store, lost).await
    }

    async fn lost(&self, at_most: u32) -> Result<Vec<LostHistory>> {
        history::lost(&self.store, at_most).await
    }
}
