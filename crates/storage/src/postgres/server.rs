//! Whether a server is one that a node may trust. It never changes a setting.

use sqlx::PgConnection;

use super::error;
use crate::{Result, StorageError};

/// Postgres 15.0.
const OLDEST: i32 = 150_000;
/// A setting of our own that every connection brings, and its value.
pub(super) const MARK: &str = "keyward.session";
pub(super) const KEPT: &str = "kept";
/// What to do about a server, or something before it, that dropped our settings: durable commits are among them (R12).
const DROPPED: &str = "the settings of this connection were dropped: is a pooler (PgBouncer) in between? give the address of \
                       Postgres itself";

/// What a server says of itself.
#[expect(clippy::struct_excessive_bools, reason = "the columns of one row, each a question of its own")]
pub(super) struct Server {
    version: i32,
    standby: bool,
    /// Whether the settings that we bring arrived.
    kept: bool,
    /// The settings that are off although what was committed rests on them.
    off: Vec<String>,
    /// Whether we are let past every rule.
    superuser: bool,
    /// Whether the tables are our own; not known before they are there.
    owner: bool,
}

pub(super) async fn look_at(connection: &mut PgConnection) -> Result<Server, sqlx::Error> {
    sqlx::query_as!(
        Server,
        r#"SELECT current_setting('server_version_num')::integer AS "version!",
                  pg_is_in_recovery() AS "standby!",
                  current_setting('keyward.session', true) IS NOT DISTINCT FROM 'kept' AS "kept!",
                  ARRAY(
                      SELECT s.name FROM pg_settings s
                      WHERE s.name IN ('fsync', 'full_page_writes') AND s.setting = 'off' ORDER BY s.name
                  ) AS "off!",
                  (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) AS "superuser!",
                  EXISTS (
                      SELECT 1 FROM pg_class c
                      WHERE c.oid = to_regclass('api_key') AND pg_has_role(c.relowner, 'USAGE')
                  ) AS "owner!""#
    )
    .fetch_one(connection)
    .await
}

/// Refuses a server that cannot do its part. Tells what is wrong with one that could all the same: it forgets, or trusts us
/// too much.
pub(super) fn judge(server: &Server) -> Result<Vec<String>> {
    if server.version < OLDEST {
        let said = format!("this is Postgres {}; 15 is the oldest that works", server.version / 10_000);
        return Err(StorageError::Unexpected(said.into()));
    }
    if server.standby {
        return Err(StorageError::Unavailable("this is a standby; give the address of the primary".into()));
    }
    if !server.kept {
        return Err(StorageError::Unexpected(DROPPED.into()));
    }
    let forgets = server
        .off
        .iter()
        .map(|setting| format!("the database has {setting} off: a crash may lose or ruin everything in it"));
    let mut cautions: Vec<_> = forgets.collect();
    let trusted = match (server.superuser, server.owner) {
        (true, _) => Some("a superuser"),
        (false, true) => Some("the owner of the tables"),
        (false, false) => None,
    };
    if let Some(trusted) = trusted {
        cautions.push(format!(
            "the database knows us as {trusted}, who may switch off the triggers that number revocations: give the service a \
             role of its own"
        ));
    }
    Ok(cautions)
}

/// Which database of which running server answers, and which tables it shows us.
pub(super) async fn place(connection: &mut PgConnection) -> Result<String, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT concat_ws(' ', extract(epoch FROM pg_postmaster_start_time()), d.oid, to_regclass('node_lease')::oid)
           AS "place!" FROM pg_database d WHERE d.datname = current_database()"#
    )
    .fetch_one(connection)
    .await
}

/// For each new connection: a primary, on which our settings hold.
pub(super) async fn refuse_unfit(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let found = sqlx::query!(
        r#"SELECT pg_is_in_recovery() AS "standby!",
                  current_setting('keyward.session', true) IS NOT DISTINCT FROM 'kept' AS "kept!""#
    )
    .fetch_one(connection)
    .await?;
    match (found.standby, found.kept) {
        (true, _) => Err(error::unfit("this is a standby")),
        (false, false) => Err(error::unfit(DROPPED)),
        (false, true) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Server =
        Server { version: 150_000, standby: false, kept: true, off: Vec::new(), superuser: false, owner: false };

    #[test]
    fn a_primary_that_is_new_enough_is_accepted_and_what_is_wrong_with_it_is_told() {
        assert!(judge(&GOOD).unwrap().is_empty());
        let forgetful = Server { off: vec!["fsync".to_owned(), "full_page_writes".to_owned()], ..GOOD };
        for (server, words) in [
            (forgetful, &["fsync off", "full_page_writes off"][..]),
            (Server { superuser: true, owner: true, ..GOOD }, &["a superuser"]),
            (Server { owner: true, ..GOOD }, &["the owner of the tables"]),
        ] {
            let told = judge(&server).unwrap();
            assert_eq!(told.len(), words.len(), "{told:?}");
            assert!(told.iter().zip(words).all(|(text, word)| text.contains(word)), "{told:?}");
        }
    }

    #[test]
    fn an_old_server_and_a_standby_are_refused_with_the_reason() {
        let old = judge(&Server { version: 140_011, ..GOOD });
        assert!(matches!(old, Err(StorageError::Unexpected(why)) if why.to_string().contains("Postgres 14")));
        let dropped = judge(&Server { kept: false, ..GOOD });
        assert!(matches!(dropped, Err(StorageError::Unexpected(why)) if why.to_string().contains("pooler")));
        let standby = judge(&Server { standby: true, ..GOOD });
        assert!(matches!(standby, Err(StorageError::Unavailable(why)) if why.to_string().contains("standby")));
    }
}
