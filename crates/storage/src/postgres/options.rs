//! Connection settings and time limits of the database. Never prints the password.

use std::str::FromStr as _;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{
    Connection as _,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::Duration;

use super::{error, plans::Plans, server};
use crate::Result;

/// The user if neither the URL nor `PGUSER` names one.
const USER: &str = "keyward";

/// Address and time limits of the database.
#[derive(Clone, Debug)]
pub struct PgOptions {
    /// `postgres://user:password@host:port/database?parameter=value`; the parameter `host` may be the folder of a Unix
    /// socket.
    pub url: SecretString,
    /// Maximum number of connections.
    pub max_connections: u32,
    /// Number of connections kept open; at least one.
    pub min_connections: u32,
    /// Time limit for a connection, after which the database counts as unavailable.
    pub acquire_timeout: Duration,
    /// Time limit for the first connection if the database is not up yet. Zero tries once.
    pub connect_wait: Duration,
    /// Maximum age of a connection.
    pub max_lifetime: Duration,
    /// Idle time after which a connection is tested before use. A test before every use would double the latency of
    /// every read; the pool also tests a connection whenever it is returned.
    pub trusted_for: Duration,
    /// Time limit for one statement.
    pub statement_timeout: Duration,
    /// Time limit for a lock.
    pub lock_timeout: Duration,
    /// Maximum idle time of a unit of work, after which the server ends it.
    pub idle_in_transaction_timeout: Duration,
    /// Time limit for a commit, after which its outcome counts as unknown: with synchronous standbys a commit waits for
    /// them, without a time limit.
    pub commit_timeout: Duration,
}

impl PgOptions {
    /// Options with defaults for a service close to its database.
    #[must_use]
    pub const fn new(url: SecretString) -> Self {
        Self {
            url,
            max_connections: 16,
            min_connections: 2,
            acquire_timeout: Duration::from_secs(3),
            connect_wait: Duration::ZERO,
            max_lifetime: Duration::from_mins(15),
            trusted_for: Duration::from_secs(1),
            statement_timeout: Duration::from_secs(5),
            lock_timeout: Duration::from_secs(1),
            idle_in_transaction_timeout: Duration::from_secs(10),
            commit_timeout: Duration::from_secs(5),
        }
    }

    /// Limits statements and idle units of work so that the server ends them before a lease of this length ends: an
    /// abandoned unit of work holds locks that others wait for (R19).
    #[must_use]
    pub fn within_lease(mut self, lease: Duration) -> Self {
        let most = lease * 4 / 5;
        self.statement_timeout = self.statement_timeout.min(most);
        self.idle_in_transaction_timeout = self.idle_in_transaction_timeout.min(most);
        self
    }

    /// Options of each connection. They set `synchronous_commit`, because a confirmed commit must survive a power
    /// failure, whatever the settings of database, role or URL.
    pub(super) fn connection(&self) -> Result<PgConnectOptions> {
        let mut connection = PgConnectOptions::from_str(self.url.expose_secret()).map_err(error::failed)?;
        if matches!(connection.get_username(), "anonymous" | "unknown") {
            connection = connection.username(USER);
        }
        let milliseconds = |time: Duration| time.as_millis().max(1).to_string();
        Ok(connection.application_name("keyward").options([
            ("synchronous_commit", "on".to_owned()),
            // Checked on each connection: a pooler that drops these settings drops this one, too.
            (server::MARK, server::KEPT.to_owned()),
            ("default_transaction_isolation", "read committed".to_owned()),
            // Each of our statements has its index. Without this setting, the server plans a full scan while a table is
            // small, and keeps that plan when there are thousands of rows.
            ("enable_seqscan", "off".to_owned()),
            // The same for joins: row by row through indexes, not whole tables against each other.
            ("enable_hashjoin", "off".to_owned()),
            ("enable_mergejoin", "off".to_owned()),
            // And for windows: a scan of an index in order, not a sort of all candidates. Sorts stay enabled: without
            // them, some orders would need a scan of all keys.
            ("enable_bitmapscan", "off".to_owned()),
            // One plan per statement, made once: with the settings above, one plan is good for all parameters.
            ("plan_cache_mode", "force_generic_plan".to_owned()),
            // JIT would compile every full scan of a small table, because the settings above make it look expensive.
            ("jit", "off".to_owned()),
            ("statement_timeout", milliseconds(self.statement_timeout)),
            ("lock_timeout", milliseconds(self.lock_timeout)),
            ("idle_in_transaction_session_timeout", milliseconds(self.idle_in_transaction_timeout)),
        ]))
    }

    pub(super) fn pool(&self, plans: &Plans) -> PgPoolOptions {
        let (plans, trusted_for) = (plans.clone(), self.trusted_for);
        PgPoolOptions::new()
            .max_connections(self.max_connections.max(1))
            .min_connections(self.min_connections.clamp(1, self.max_connections.max(1)))
            .acquire_timeout(self.acquire_timeout)
            .max_lifetime(self.max_lifetime)
            .test_before_acquire(false)
            .before_acquire(move |connection, usage| {
                let is_outdated = plans.outdate(usage.age);
                Box::pin(async move {
                    if is_outdated {
                        return Ok(false);
                    }
                    if usage.idle_for >= trusted_for {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            // After a fail-over the address may lead to a standby, which would return an old state.
            .after_connect(|connection, _| Box::pin(server::refuse_unfit(connection)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> PgOptions {
        PgOptions::new(SecretString::from(url))
    }

    #[test]
    fn the_password_is_not_printed() {
        let printed = format!("{:?}", options("postgres://keyward:open-sesame@localhost/keyward"));
        assert!(!printed.contains("sesame"), "{printed}");
    }

    #[test]
    fn an_invalid_url_is_refused_without_quoting_it() {
        let refusal = options("open sesame").connection().unwrap_err();
        assert!(!format!("{refusal:?}").contains("sesame"), "{refusal:?}");
    }

    #[test]
    fn the_user_of_the_url_is_kept() {
        for url in ["postgres://ann@localhost/x", "postgres://localhost/x?user=ann"] {
            assert_eq!(options(url).connection().unwrap().get_username(), "ann", "{url}");
        }
    }

    #[test]
    fn commits_are_durable_whatever_the_url_sets() {
        let url = "postgres://ann@localhost/x?options=-c%20synchronous_commit%3Doff";
        let connection = options(url).connection().unwrap();
        let options_text = connection.get_options().unwrap();
        assert!(
            options_text.rfind("synchronous_commit=on") > options_text.rfind("synchronous_commit=off"),
            "{options_text}"
        );
    }

    #[test]
    fn abandoned_work_is_ended_before_the_lease_ends() {
        for lease in [Duration::from_secs(2), Duration::from_secs(5), Duration::from_secs(45)] {
            let options = options("postgres://ann@localhost/x").within_lease(lease);
            assert!(options.statement_timeout < lease && options.idle_in_transaction_timeout < lease);
            assert!(options.statement_timeout <= Duration::from_secs(5), "never longer than before");
            let connection = options.connection().unwrap();
            let options_text = connection.get_options().unwrap();
            let idle =
                format!("idle_in_transaction_session_timeout={}", options.idle_in_transaction_timeout.as_millis());
            assert!(options_text.contains(&idle), "{options_text}");
        }
    }

    #[test]
    fn at_least_one_connection_is_kept_open() {
        let none = PgOptions { min_connections: 0, ..options("postgres://ann@localhost/x") };
        assert_eq!(none.pool(&Plans::default()).get_min_connections(), 1);
    }
}
