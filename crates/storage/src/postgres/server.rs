//! Checks whether a node may use a server. Never changes a setting.

use sqlx::PgConnection;

use super::error;
use crate::{Result, StorageError};

/// Postgres 15.0.
const OLDEST: i32 = 150_000;
/// A setting of our own that every connection sends, and its value.
pub(super) const MARK: &str = "keyward.session";
pub(super) const KEPT: &str = "kept";
/// Connections of a node outside its pool: for its lease, and for notifications.
const BESIDE_THE_POOL: i64 = 2;
/// Remedy if the server, or a pooler before it, dropped our settings, such as durable commits (R12).
const DROPPED: &str = "the settings of this connection were dropped: is a pooler (PgBouncer) in between? give the \
                       address of Postgres itself";

/// What a server reports about itself.
#[expect(clippy::struct_excessive_bools, reason = "the columns of one row, each an independent query")]
pub(super) struct Server {
    version: i32,
    standby: bool,
    /// Whether our settings arrived.
    kept: bool,
    /// Settings that are off although durable commits need them.
    off: Vec<String>,
    /// Whether transactions are read-only by default.
    read_only: bool,
    /// Whether our role is a superuser.
    superuser: bool,
    /// Whether our role owns the tables; false before they exist.
    owner: bool,
    /// Maximum number of connections that server, role and database allow, if limited.
    connections: Option<i64>,
}

pub(super) async fn inspect(connection: &mut PgConnection) -> Result<Server, sqlx::Error> {
    sqlx::query_as!(
        Server,
        r#"SELECT current_setting('server_version_num')::integer AS "version!",
                  pg_is_in_recovery() AS "standby!",
                  current_setting('keyward.session', true) IS NOT DISTINCT FROM 'kept' AS "kept!",
                  ARRAY(
                      SELECT s.name FROM pg_settings s
                      WHERE s.name IN ('fsync', 'full_page_writes') AND s.setting = 'off' ORDER BY s.name
                  ) AS "off!",
                  current_setting('default_transaction_read_only')::boolean AS "read_only!",
                  (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) AS "superuser!",
                  EXISTS (
                      SELECT 1 FROM pg_class c
                      WHERE c.oid = to_regclass('api_key') AND pg_has_role(c.relowner, 'USAGE')
                  ) AS "owner!",
                  (SELECT least(
                      current_setting('max_connections')::bigint
                          - COALESCE(current_setting('superuser_reserved_connections', true), '0')::bigint
                          - COALESCE(current_setting('reserved_connections', true), '0')::bigint,
                      (SELECT NULLIF(r.rolconnlimit, -1) FROM pg_roles r WHERE r.rolname = current_user),
                      (SELECT NULLIF(d.datconnlimit, -1) FROM pg_database d WHERE d.datname = current_database())
                  )) AS connections"#
    )
    .fetch_one(connection)
    .await
}

/// Refuses an unusable server. Returns warnings about a usable one: it may lose commits, grants too many rights, or
/// allows fewer connections than a node with a pool of at most `pool` connections needs.
pub(super) fn judge(server: &Server, pool: u32) -> Result<Vec<String>> {
    if server.version < OLDEST {
        let reason = format!("this is Postgres {}; 15 is the oldest that works", server.version / 10_000);
        return Err(StorageError::Unexpected(reason.into()));
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
        .map(|setting| format!("the database has {setting} off: a crash may lose or corrupt everything in it"));
    let mut warnings: Vec<_> = forgets.collect();
    if server.read_only {
        warnings.push(format!("{}; until then this node answers by reading alone", error::READ_ONLY_ADVICE));
    }
    let trusted = match (server.superuser, server.owner) {
        (true, _) => Some("a superuser"),
        (false, true) => Some("the owner of the tables"),
        (false, false) => None,
    };
    if let Some(trusted) = trusted {
        warnings.push(format!(
            "the database knows us as {trusted}, who may switch off the triggers that number revocations: give the \
             service a role of its own"
        ));
    }
    let wanted = i64::from(pool) + BESIDE_THE_POOL;
    if let Some(allowed) = server.connections.filter(|allowed| *allowed < wanted) {
        warnings.push(format!(
            "database.max_connections is {pool}, and a node opens {BESIDE_THE_POOL} more connections, but Postgres \
             allows this role {allowed} for all nodes together: lower database.max_connections, or raise \
             max_connections of Postgres or the limit of the role or database"
        ));
    }
    Ok(warnings)
}

/// Identifies the database, its running server and the visible tables.
pub(super) async fn place(connection: &mut PgConnection) -> Result<String, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT concat_ws(' ', extract(epoch FROM pg_postmaster_start_time()), d.oid, to_regclass('node_lease')::oid)
           AS "place!" FROM pg_database d WHERE d.datname = current_database()"#
    )
    .fetch_one(connection)
    .await
}

/// Checks each new connection: it must lead to a primary and have our settings.
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

    const GOOD: Server = Server {
        version: 150_000,
        standby: false,
        kept: true,
        off: Vec::new(),
        read_only: false,
        superuser: false,
        owner: false,
        connections: Some(97),
    };

    fn judge(server: &Server) -> Result<Vec<String>> {
        super::judge(server, 16)
    }

    #[test]
    fn a_supported_primary_is_accepted_with_warnings() {
        assert!(judge(&GOOD).unwrap().is_empty());
        assert!(judge(&Server { connections: None, ..GOOD }).unwrap().is_empty());
        assert!(judge(&Server { connections: Some(18), ..GOOD }).unwrap().is_empty());
        let forgetful = Server { off: vec!["fsync".to_owned(), "full_page_writes".to_owned()], ..GOOD };
        for (server, words) in [
            (forgetful, &["fsync off", "full_page_writes off"][..]),
            (Server { superuser: true, owner: true, ..GOOD }, &["a superuser"]),
            (Server { read_only: true, ..GOOD }, &["default_transaction_read_only is on"]),
            (Server { owner: true, ..GOOD }, &["the owner of the tables"]),
            (Server { connections: Some(17), ..GOOD }, &["database.max_connections is 16"]),
        ] {
            let warnings = judge(&server).unwrap();
            assert_eq!(warnings.len(), words.len(), "{warnings:?}");
            assert!(warnings.iter().zip(words).all(|(text, word)| text.contains(word)), "{warnings:?}");
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
