//! The mark of a history that was waited out, and reports of lost events (R18). Decides nothing.

use keyward_domain::Timestamp;

use super::{
    error::failed,
    instant::PgInstant,
    rows::{applied, column},
    store::PgStore,
};
use crate::{
    HistoryToken, LostHistory, Result, Write,
    pool::Through as _,
    row::{stored_moment, stored_seq, stored_token},
};

/// Marks this token's history, if it is still the database's.
pub(super) async fn mark(store: &PgStore, token: HistoryToken) -> Result<Write> {
    let query = sqlx::query!(
        "INSERT INTO history_mark (token, marked_at)
        SELECT p.token, clock_timestamp() FROM history_position p WHERE p.token = $1
        ON CONFLICT (id) DO UPDATE SET token = EXCLUDED.token, marked_at = EXCLUDED.marked_at",
        token.to_string()
    );
    Ok(applied(&store.write(query).await?))
}

/// Records lost events. Of several reports on one history the widest stays.
pub(super) async fn record_lost(store: &PgStore, lost: &LostHistory) -> Result<()> {
    let query = sqlx::query!(
        "INSERT INTO lost_history AS l (token, kept_up_to, had_up_to, noticed_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (token) DO UPDATE SET kept_up_to = least(l.kept_up_to, EXCLUDED.kept_up_to),
            had_up_to = greatest(l.had_up_to, EXCLUDED.had_up_to)",
        lost.token.to_string(),
        column(lost.kept_up_to),
        column(lost.had_up_to),
        PgInstant::from(lost.noticed_at)
    );
    store.write(query).await?;
    Ok(())
}

/// Returns the latest reports.
pub(super) async fn lost(store: &PgStore, at_most: u32) -> Result<Vec<LostHistory>> {
    let rows = sqlx::query!(
        r#"SELECT l.token, l.kept_up_to, l.had_up_to, l.noticed_at AS "noticed_at: PgInstant"
        FROM lost_history l ORDER BY l.noticed_at DESC LIMIT $1"#,
        i64::from(at_most)
    )
    .all(&store.pool)
    .await
    .map_err(failed)?;
    let restored = rows.into_iter().map(|row| {
        let noticed_at: Timestamp = stored_moment(row.noticed_at.into(), "lost_history", &row.token)?;
        Ok(LostHistory {
            token: stored_token(&row.token)?,
            kept_up_to: stored_seq(row.kept_up_to)?,
            had_up_to: stored_seq(row.had_up_to)?,
            noticed_at,
        })
    });
    restored.collect()
}
