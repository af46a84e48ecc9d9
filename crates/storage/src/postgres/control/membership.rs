//! The rows of `node_lease`. Joins and renewals are commits like those of revocations (R12): `synchronous_commit` is on.

use std::time::Duration;

use async_trait::async_trait;
use keyward_domain::Timestamp;

use super::{PgControl, column};
use crate::{
    Confirmed, Introduction, Member, Members, Membership, NodeId, Result, Seq, StorageError, Write,
    postgres::{PgInstant, error::commit_failed},
    row::{stored_incarnation, stored_moment, stored_seq},
};

const TABLE: &str = "node_lease";

/// A moment of the database's wall clock.
fn wall_clock(at: PgInstant) -> Result<Timestamp> {
    stored_moment(at.into(), TABLE, "clock_timestamp")
}

fn confirmed(head: i64, timeline: &str, database_time: PgInstant) -> Result<Confirmed> {
    Ok(Confirmed {
        head: stored_seq(head)?,
        incarnation: stored_incarnation(timeline)?,
        database_time: wall_clock(database_time)?,
    })
}

#[async_trait]
impl Membership for PgControl {
    #[tracing::instrument(level = "debug", skip_all, name = "db.membership.join", fields(node = %node.node))]
    async fn join(&self, node: &Introduction) -> Result<Confirmed> {
        // A name that is there already is an error, and never an update: a join that was given up and carried out late
        // would acknowledge what its node has not applied.
        let ttl_ms = i32::try_from(node.ttl.as_millis()).unwrap_or(i32::MAX);
        let query = sqlx::query!(
            r#"INSERT INTO node_lease (node, counter, applied, ttl_ms, started_at, renewed_at, version)
            SELECT $1::uuid, 0, h.seq, $3::integer, $4::timestamptz, clock_timestamp(), $5
            FROM revocation_head h CROSS JOIN leave_node_lease($2) WHERE h.id
            RETURNING applied AS "head!", substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS "timeline!",
                renewed_at AS "database_time!""#,
            node.node.uuid(),
            node.previous.map(NodeId::uuid),
            ttl_ms,
            PgInstant::from(node.started_at),
            node.version
        );
        let mut own = self.own_connection().await?;
        let row = self.answered(query.fetch_one(own.connection())).await?;
        own.give_back();
        confirmed(row.head, &row.timeline, row.database_time)
    }

    #[tracing::instrument(level = "debug", skip_all, name = "db.membership.renew", fields(%node))]
    async fn renew(&self, node: NodeId, applied: Seq) -> Result<Option<Confirmed>> {
        let query = sqlx::query!(
            r#"UPDATE node_lease
            SET counter = counter + 1, applied = greatest(applied, $2), renewed_at = clock_timestamp()
            WHERE node = $1
            RETURNING (SELECT h.seq FROM revocation_head h WHERE h.id) AS "head!",
                substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS "timeline!", renewed_at AS "database_time!""#,
            node.uuid(),
            column(applied)
        );
        let mut own = self.own_connection().await?;
        let row = self.answered(query.fetch_optional(own.connection())).await?;
        own.give_back();
        row.map(|row| confirmed(row.head, &row.timeline, row.database_time)).transpose()
    }

    #[tracing::instrument(level = "debug", skip_all, name = "db.membership.leave", fields(%node))]
    async fn leave(&self, node: NodeId) -> Result<()> {
        let query = sqlx::query!("SELECT leave_node_lease($1)", node.uuid());
        let mut own = self.own_connection().await?;
        self.answered(query.fetch_one(own.connection())).await?;
        own.give_back();
        Ok(())
    }

    #[tracing::instrument(level = "debug", skip_all, name = "db.membership.members")]
    async fn members(&self) -> Result<Members> {
        // The head has a row even if nobody is a member.
        let question = || {
            sqlx::query!(
                r#"SELECT h.seq AS "head!", clock_timestamp() AS "database_time!", m.node AS "node?",
               m.counter AS "counter?", m.applied AS "applied?", m.ttl_ms AS "ttl_ms?",
               m.started_at AS "started_at?", m.renewed_at AS "renewed_at?", m.version AS "version?"
            FROM revocation_head h LEFT JOIN node_lease m ON true
            WHERE h.id
            ORDER BY m.node"#
            )
            .fetch_all(&self.store.pool)
        };
        let rows = self.store.plans.ask(question).await?;
        let first = rows.first().ok_or_else(|| StorageError::Corrupt { table: "revocation_head", id: "id".into() })?;
        let (head, database_time) = (stored_seq(first.head)?, wall_clock(first.database_time)?);
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
        Ok(Members { rows: members, head, database_time })
    }

    #[tracing::instrument(level = "debug", skip_all, name = "db.membership.reap", fields(%node))]
    async fn reap(&self, node: NodeId, counter: u64) -> Result<Write> {
        let Ok(counter) = i64::try_from(counter) else { return Ok(Write::Stale) };
        let query = sqlx::query_scalar!(r#"SELECT reap_node_lease($1, $2) AS "gone!""#, node.uuid(), counter);
        let gone = query.fetch_one(&self.store.pool).await.map_err(commit_failed)?;
        Ok(if gone == 0 { Write::Stale } else { Write::Applied })
    }
}
