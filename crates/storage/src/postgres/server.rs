//! Whether a server is one that a node may trust. It never changes a setting.

use sqlx::PgConnection;

use super::error;
use crate::{Result, StorageError};

/// Postgres 15.0.
const OLDEST: i32 = 150_000;

/// What a server says of itself.
pub(super) struct Server {
    version: i32,
    standby: bool,
    fsync: bool,
    full_page_writes: bool,
}

pub(super) async fn look_at(connection: &mut PgConnection) -> Result<Server, sqlx::Error> {
    sqlx::query_as!(
        Server,
        r#"SELECT current_setting('server_version_num')::integer AS "version!",
                  pg_is_in_recovery() AS "standby!",
                  current_setting('fsync') = 'on' AS "fsync!",
                  current_setting('full_page_writes') = 'on' AS "full_page_writes!""#
    )
    .fetch_one(connection)
    .await
}

/// Refuses a server that cannot do its part, and warns of one that forgets.
pub(super) fn judge(server: &Server) -> Result<()> {
    if server.version < OLDEST {
        let said = format!("this is Postgres {}; 15 is the oldest that works", server.version / 10_000);
        return Err(StorageError::Unexpected(said.into()));
    }
    if server.standby {
        return Err(StorageError::Unavailable("this is a standby; give the address of the primary".into()));
    }
    for (setting, on) in [("fsync", server.fsync), ("full_page_writes", server.full_page_writes)] {
        if !on {
            tracing::warn!(setting, "the database has {setting} off: a crash may lose or ruin everything in it");
        }
    }
    Ok(())
}

/// For each new connection of the pool.
pub(super) async fn refuse_standby(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let standby = sqlx::query_scalar!(r#"SELECT pg_is_in_recovery() AS "standby!""#).fetch_one(connection).await?;
    if standby { Err(error::standby()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Server = Server { version: 150_000, standby: false, fsync: true, full_page_writes: true };

    #[test]
    fn a_primary_that_is_new_enough_is_accepted_even_if_it_forgets() {
        assert!(judge(&GOOD).is_ok());
        assert!(judge(&Server { fsync: false, full_page_writes: false, ..GOOD }).is_ok());
    }

    #[test]
    fn an_old_server_and_a_standby_are_refused_with_the_reason() {
        let old = judge(&Server { version: 140_011, ..GOOD });
        assert!(matches!(old, Err(StorageError::Unexpected(why)) if why.to_string().contains("Postgres 14")));
        let standby = judge(&Server { standby: true, ..GOOD });
        assert!(matches!(standby, Err(StorageError::Unavailable(why)) if why.to_string().contains("standby")));
    }
}
