//! Turns of jobs. One server at a time holds the database, so a turn that it left behind is over.

use async_trait::async_trait;
use keyward_storage::{JobTimes, JobTurn, Jobs, Result, Write};
use uuid::Uuid;

use crate::{error::refused, rows::applied, store::SqliteStore};

#[async_trait]
impl Jobs for SqliteStore {
    async fn begin_turn(&self, job: &str, id: Uuid, times: JobTimes) -> Result<Option<JobTurn>> {
        let mut transaction = self.write().await?;
        let now = self.clock.now(&mut transaction).await?;
        let (ends_at, due) =
            (now.saturating_add(times.limit).as_micros(), now.saturating_sub(times.period).as_micros());
        let now = now.as_micros();
        let row = sqlx::query!(
            r#"UPDATE job SET turn = ?2, ends_at = ?4
            WHERE name = ?1 AND (ended_at IS NULL OR ended_at <= ?3) AND (ends_at IS NULL OR ends_at <= ?5)
            RETURNING cursor AS "cursor?""#,
            job,
            id,
            due,
            ends_at,
            now
        );
        let row = row.fetch_optional(&mut *transaction).await.map_err(refused)?;
        transaction.commit().await.map_err(crate::error::commit_refused)?;
        Ok(row.map(|row| JobTurn { id, cursor: row.cursor }))
    }

    async fn end_turn(&self, job: &str, id: Uuid, cursor: Option<String>) -> Result<Write> {
        let mut transaction = self.write().await?;
        let now = self.clock.now(&mut transaction).await?.as_micros();
        let done = sqlx::query!(
            "UPDATE job SET turn = NULL, ends_at = NULL, ended_at = ?3, cursor = ?4 WHERE name = ?1 AND turn = ?2",
            job,
            id,
            now,
            cursor
        );
        let written = applied(done.execute(&mut *transaction).await)?;
        transaction.commit().await.map_err(crate::error::commit_refused)?;
        Ok(written)
    }
}
