//! The rights that the service's role needs, table by table, and those that it lacks. Never grants any.
//!
//! The `GRANT` statements in `docs/production.md` list the same rights; a test of a node with such a role keeps them
//! consistent.

use sqlx::PgPool;

use super::error::failed;
use crate::Result;

/// Needed rights on one object: privileges on the whole object, and columns that are updated.
struct Needs {
    object: &'static str,
    whole: &'static [&'static str],
    update: &'static [&'static str],
}

const fn table(object: &'static str, whole: &'static [&'static str], update: &'static [&'static str]) -> Needs {
    Needs { object, whole, update }
}

/// Excludes rights to move the head, to write an event, to delete a lease, or to rewrite the database's stamp.
const TABLES: [Needs; 17] = [
    table("_sqlx_migrations", &["SELECT"], &[]),
    table("installation", &["SELECT", "INSERT"], &[]),
    table("master_key", &["SELECT", "INSERT"], &[]),
    table("issuer", &["SELECT", "INSERT"], &[]),
    table("account", &["SELECT", "INSERT"], &["status", "suspended_by", "enforced_at", "policy", "policy_version"]),
    table(
        "api_key",
        &["SELECT", "INSERT"],
        &[
            "state",
            "revoked_at",
            "revoked_by",
            "revocation_reason",
            "digest",
            "enforced_at",
            "version",
            "name",
            "description",
            "metadata",
            "scopes",
            "writes_keys",
            "not_before",
            "expires_at",
            "suspended_at",
            "suspended_by",
            "suspended_level",
            "resumed_at",
            "pair_name",
        ],
    ),
    table("key_usage", &["SELECT", "INSERT"], &["last_used"]),
    table("job", &["SELECT"], &["turn", "ends_at", "ended_at", "cursor"]),
    table("signing_key", &["SELECT", "INSERT", "DELETE"], &[]),
    table("redeemed_refresh", &["SELECT", "INSERT", "DELETE"], &["reused_at"]),
    table("revocation_head", &["SELECT"], &[]),
    table("history_token", &["SELECT"], &[]),
    table("history_position", &["SELECT"], &[]),
    table("history_mark", &["SELECT", "INSERT"], &["token", "marked_at"]),
    table("lost_history", &["SELECT", "INSERT"], &["kept_up_to", "had_up_to"]),
    table("revocation_event", &["SELECT", "DELETE"], &[]),
    table("node_lease", &["SELECT", "INSERT"], &["counter", "applied", "renewed_at"]),
];

/// Functions that run as the tables' owner.
const FUNCTIONS: [&str; 2] = ["leave_node_lease(uuid, text)", "reap_node_lease(uuid, bigint)"];

/// Returns the statements with which the tables' owner grants this role its missing rights; empty if it lacks none.
/// Omits objects that do not exist yet. This statement is not checked at compile time: it reads only the catalogue.
pub(super) async fn missing(pool: &PgPool) -> Result<Vec<String>> {
    let (mut objects, mut privileges, mut columns) = (Vec::new(), Vec::new(), Vec::new());
    for needs in &TABLES {
        let whole = needs.whole.iter().map(|privilege| (*privilege, None));
        for (privilege, column) in whole.chain(needs.update.iter().map(|column| ("UPDATE", Some(*column)))) {
            objects.push(needs.object);
            privileges.push(privilege);
            columns.push(column);
        }
    }
    // A schema that the role may not use is on no search path, so `public`, where the tables usually are, is always
    // included.
    let lacking = sqlx::query_scalar(
        "WITH place AS (
            SELECT n.oid, n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relname = '_sqlx_migrations' AND n.nspname = ANY (current_schemas(false) || 'public'::name)
            ORDER BY array_position(current_schemas(false), n.nspname) NULLS LAST LIMIT 1
        )
        SELECT format('GRANT USAGE ON SCHEMA %I TO %I;', s.nspname, current_user)
        FROM place s WHERE NOT has_schema_privilege(s.oid, 'USAGE')
        UNION ALL (
            SELECT format(
                'GRANT %s ON %s TO %I;',
                string_agg(r.privilege || COALESCE(' (' || quote_ident(r.col) || ')', ''), ', ' ORDER BY r.ordinality),
                c.oid::regclass, current_user
            )
            FROM UNNEST($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS r (object, privilege, col, ordinality)
            JOIN pg_class c ON c.relname = r.object
            JOIN place s ON s.oid = c.relnamespace
            WHERE CASE WHEN r.col IS NULL THEN NOT has_table_privilege(c.oid, r.privilege)
                ELSE NOT has_column_privilege(c.oid, (
                    SELECT t.attnum FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = r.col
                ), r.privilege) END
            GROUP BY c.oid ORDER BY min(r.ordinality)
        )
        UNION ALL
        SELECT format('GRANT EXECUTE ON FUNCTION %s TO %I;', f.signature, current_user)
        FROM UNNEST($4::text[]) AS f (signature)
        WHERE NOT has_function_privilege(to_regprocedure(f.signature), 'EXECUTE')",
    );
    lacking
        .bind(objects)
        .bind(privileges)
        .bind(columns)
        .bind(FUNCTIONS.as_slice())
        .fetch_all(pool)
        .await
        .map_err(failed)
}
