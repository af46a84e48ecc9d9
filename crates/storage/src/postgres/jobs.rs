//! Turns of jobs. Times are by the database's clock: a node whose own clock is wrong neither skips nor repeats any.

use async_trait::async_trait;
use uuid::Uuid;

use super::{rows::applied, store::PgStore};
use crate::{JobTimes, JobTurn, Jobs, Result, Write, pool::Through as _};

#[async_trait]
impl Jobs for PgStore {
    async fn begin_turn(&self, job: &str, id: Uuid, times: JobTimes) -> Result<Option<JobTurn>> {
        let query = || {
            sqlx::query!(
                r#"UPDATE job SET turn = $2, ends_at = clock_timestamp() + make_interval(secs => $4)
                WHERE name = $1 AND (ended_at IS NULL OR ended_at <= clock_timestamp() - make_interval(secs => $3))
                AND (ends_at IS NULL OR ends_at <= clock_timestamp())
                RETURNING cursor"#,
                job,
                id,
                times.period.as_secs_f64(),
                times.limit.as_secs_f64()
            )
            .maybe(&self.pool)
        };
        Ok(self.plans.ask(query).await?.map(|row| JobTurn { id, cursor: row.cursor }))
    }

    async fn end_turn(&self, job: &str, id: Uuid, cursor: Option<String>) -> Result<Write> {
        let query = sqlx::query!(
            "UPDATE job SET turn = NULL, ends_at = NULL, ended_at = clock_timestamp(), cursor = $3
            WHERE name = $1 AND turn = $2",
            job,
            id,
            cursor
        );
        Ok(applied(&self.write(query).await?))
    }
}
