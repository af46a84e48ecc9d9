//! Events in order, and the enforcement of changes. Uses the pool for requests, except for the listening connection.

use std::time::Duration;

use async_trait::async_trait;
use keyward_domain::{AccountId, KeyId, Timestamp};
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    control::PgControl,
    error,
    hints::{PgHints, payload},
    instant::{Agreeing, PgInstant},
    rows::{column, missing_head},
};
use crate::{
    Event, Events, Feed, Hint, Hints, Nonce, Position, Read, Result, Seq, StorageError, Target,
    pool::Through as _,
    row::{stored_seq, stored_snapshot, stored_token},
};

/// Converts an event's columns to its target.
fn target(seq: i64, scope: &str, subject: Uuid) -> Result<Target> {
    match scope {
        "key" => Ok(Target::Key(KeyId::from_uuid(subject))),
        "account" => Ok(Target::Account(AccountId::from_uuid(subject))),
        _ => Err(StorageError::Corrupt { table: "revocation_event", id: seq.to_string() }),
    }
}

#[async_trait]
impl Feed for PgControl {
    async fn head(&self) -> Result<Read<()>> {
        let query = || {
            sqlx::query!(r#"SELECT p.seq AS "seq!", p.nonce AS "nonce!", p.token AS "token!" FROM history_position p"#)
                .one(&self.store.pool)
        };
        let row = self.store.plans.ask(query).await?;
        Ok(Read { value: (), as_of: stored_snapshot(row.seq, row.nonce, &row.token)? })
    }

    async fn events_after(&self, position: Position, at_most: u32) -> Result<Events> {
        // Returns the head even if there is no event.
        let query = || {
            sqlx::query!(
                r#"SELECT p.token AS "token!", e.seq AS "seq?", e.scope AS "scope?", e.subject AS "subject?",
               e.nonce AS "nonce?", ($1::bigint = 0 OR EXISTS (
                   SELECT 1 FROM revocation_event b WHERE b.seq = $1 AND b.nonce = $2
               )) AS "follow!"
            FROM history_position p LEFT JOIN LATERAL (
                SELECT seq, scope, subject, nonce FROM revocation_event WHERE seq > $1::bigint ORDER BY seq LIMIT $3
            ) e ON true
            ORDER BY e.seq"#,
                column(position.seq),
                position.nonce.uuid(),
                i64::from(at_most)
            )
            .all(&self.store.pool)
        };
        let rows = self.store.plans.ask(query).await?;
        let first = rows.first().ok_or_else(missing_head)?;
        let (token, follow) = (stored_token(&first.token)?, first.follow);
        let mut events = Vec::with_capacity(rows.len());
        for row in rows {
            let (Some(seq), Some(scope), Some(subject), Some(nonce)) = (row.seq, row.scope, row.subject, row.nonce)
            else {
                continue;
            };
            let position = Position { seq: stored_seq(seq)?, nonce: Nonce::from_uuid(nonce) };
            events.push(Event { position, target: target(seq, &scope, subject)? });
        }
        Ok(Events { token, follow, events })
    }

    async fn announce(&self, hint: Hint) -> Result<()> {
        // Waits for no disk and no standby: a notification lost in a crash would have come too late anyway.
        sqlx::query_scalar!(
            "SELECT set_config('synchronous_commit', 'off', true) FROM pg_notify('keyward_revocation', $1)",
            payload(hint)
        )
        .one(&self.store.pool)
        .await
        .map_err(error::failed)?;
        Ok(())
    }

    async fn listen(&self) -> Result<Option<Box<dyn Hints>>> {
        let pool = self.listening().connect_lazy_with(self.direct.clone().application_name("keyward-hints"));
        let hints = timeout(self.answer_timeout, PgHints::listen(&pool)).await.map_err(error::late)?;
        Ok(Some(Box::new(hints.map_err(error::failed)?)))
    }

    async fn record_enforced(&self, targets: &[Target], up_to: Seq, shown_by: Position, at: Timestamp) -> Result<()> {
        let (up_to, at) = (column(up_to), PgInstant::from(at));
        let (shown, nonce) = (column(shown_by.seq), shown_by.nonce.uuid());
        // One row per transaction, to avoid deadlocks with units of work. If a crash loses a record, a repeated call
        // waits once more.
        for target in targets {
            let noted = match target {
                Target::Key(id) => {
                    sqlx::query_scalar!(
                        "WITH noted AS (
                            UPDATE api_key SET enforced_at = $3
                            WHERE id = $1 AND change_seq <= $2 AND enforced_at IS NULL
                            AND EXISTS (SELECT 1 FROM revocation_event e WHERE e.seq = $4 AND e.nonce = $5)
                        ) SELECT set_config('synchronous_commit', 'off', true)",
                        id.uuid(),
                        up_to,
                        at as PgInstant,
                        shown,
                        nonce
                    )
                    .one(&self.store.pool)
                    .await
                }
                Target::Account(id) => {
                    sqlx::query_scalar!(
                        "WITH noted AS (
                            UPDATE account SET enforced_at = $3
                            WHERE id = $1 AND change_seq <= $2 AND enforced_at IS NULL
                            AND EXISTS (SELECT 1 FROM revocation_event e WHERE e.seq = $4 AND e.nonce = $5)
                        ) SELECT set_config('synchronous_commit', 'off', true)",
                        id.uuid(),
                        up_to,
                        at as PgInstant,
                        shown,
                        nonce
                    )
                    .one(&self.store.pool)
                    .await
                }
            };
            noted.map_err(error::failed)?;
        }
        Ok(())
    }

    async fn prune(&self, older_than: Duration, expected: Timestamp, at_most: u32) -> Result<u64> {
        let Agreeing { from, to } = Agreeing::with(expected);
        // Drops the oldest events up to the first one to keep, and never the last event: so a reader that is behind
        // always sees a gap. Without members, the lower of the two is the head.
        let query = sqlx::query!(
            "WITH oldest AS (
                SELECT e.seq, e.at FROM revocation_event e ORDER BY e.seq LIMIT $2
            ), clock AS MATERIALIZED (
                SELECT clock_timestamp() AS now
            ), bound AS (
                SELECT least(h.seq, (SELECT min(m.applied) FROM node_lease m)) AS seq FROM revocation_head h WHERE h.id
            )
            DELETE FROM revocation_event
            WHERE seq < (SELECT b.seq FROM bound b)
            AND seq < (SELECT COALESCE(min(o.seq) FILTER (WHERE o.at >= c.now - make_interval(secs => $1)),
                    max(o.seq) + 1)
                FROM oldest o CROSS JOIN clock c WHERE c.now BETWEEN $3 AND $4)",
            older_than.as_secs_f64(),
            i64::from(at_most),
            from as PgInstant,
            to as PgInstant
        );
        Ok(self.store.write(query).await?.rows_affected())
    }
}
