//! How to reach the database, and how long to wait for it. It never prints the password.

use std::str::FromStr as _;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{
    Connection as _,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::Duration;

use super::{error, plans::Plans, server};
use crate::Result;

/// The user, where neither the URL nor `PGUSER` names one.
const USER: &str = "keyward";

/// Where the database is, and how long to wait for it.
#[derive(Clone, Debug)]
pub struct PgOptions {
    /// `postgres://user:password@host:port/database?parameter=value`; `host` as a parameter may be the folder of a
    /// Unix socket.
    pub url: SecretString,
    /// At the most so many connections.
    pub max_connections: u32,
    /// So many connections are kept at hand; at least one.
    pub min_connections: u32,
    /// How long to wait for a connection before the database counts as unavailable.
    pub acquire_timeout: Duration,
    /// How long the first connection is waited for where the database is not up yet. Zero asks once.
    pub connect_wait: Duration,
    /// How long a connection lives.
    pub max_lifetime: Duration,
    /// An idle connection is asked whether it still lives after this long. Asking before each use would double the way
    /// of every read; the pool asks once more whenever a connection is given back.
    pub trusted_for: Duration,
    /// How long one statement may take.
    pub statement_timeout: Duration,
    /// How long to wait for a lock.
    pub lock_timeout: Duration,
    /// How long a unit of work may do nothing before the server ends it.
    pub idle_in_transaction_timeout: Duration,
    /// How long to wait for a commit before its outcome counts as unknown: with synchronous standbys it waits for
    /// them, without an end of its own.
    pub commit_timeout: Duration,
}

impl PgOptions {
    /// Defaults fit for a service beside its database.
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

    /// The same, with what the server ends by itself ended before a lease of this length is over: a statement, and a
    /// unit of work that a node leaves lying, which holds rows that others wait for (R19).
    #[must_use]
    pub fn within_lease(mut self, lease: Duration) -> Self {
        let most = lease * 4 / 5;
        self.statement_timeout = self.statement_timeout.min(most);
        self.idle_in_transaction_timeout = self.idle_in_transaction_timeout.min(most);
        self
    }

    /// For each connection. `synchronous_commit` is ours to set: what `commit` promised must survive the loss of
    /// power, whatever the database, the role or the URL say.
    pub(super) fn connection(&self) -> Result<PgConnectOptions> {
        let mut connection = PgConnectOptions::from_str(self.url.expose_secret()).map_err(error::failed)?;
        if matches!(connection.get_username(), "anonymous" | "unknown") {
            connection = connection.username(USER);
        }
        let milliseconds = |time: Duration| time.as_millis().max(1).to_string();
        Ok(connection.application_name("keyward").options([
            ("synchronous_commit", "on".to_owned()),
            // Looked for on each connection: a pooler that drops these settings drops this one, too.
            (server::MARK, server::KEPT.to_owned()),
            ("default_transaction_isolation", "read committed".to_owned()),
            // Every statement of ours has its index. Without this the server, asked while a table is small, keeps a plan
            // that reads all of it, and goes on to use it when there are thousands of rows.
            ("enable_seqscan", "off".to_owned()),
            // The same for joins: row by row through their indexes, not whole tables against each other.
            ("enable_hashjoin", "off".to_owned()),
            ("enable_mergejoin", "off".to_owned()),
            // And for windows: along an index that has the order, not all that could be meant, put in order. Sorts stay: without
            // them what is to be ordered is found by a walk over all keys there are.
            ("enable_bitmapscan", "off".to_owned()),
            // One plan for each statement, made once: with the lines above there is one good one, whatever it is asked about.
            ("plan_cache_mode", "force_generic_plan".to_owned()),
            // It would compile whatever reads a small table whole, which the lines above make look dear.
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
            // After a fail-over the address may lead to a standby, which would answer with the past.
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
    fn a_url_that_is_none_is_refused_without_quoting_it() {
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
    fn commits_are_durable_whatever_the_url_says() {
        let url = "postgres://ann@localhost/x?options=-c%20synchronous_commit%3Doff";
        let connection = options(url).connection().unwrap();
        let said = connection.get_options().unwrap();
        assert!(said.rfind("synchronous_commit=on") > said.rfind("synchronous_commit=off"), "{said}");
    }

    #[test]
    fn what_a_node_leaves_lying_is_ended_before_its_lease_is_over() {
        for lease in [Duration::from_secs(2), Duration::from_secs(5), Duration::from_secs(45)] {
            let options = options("postgres://ann@localhost/x").within_lease(lease);
            assert!(options.statement_timeout < lease && options.idle_in_transaction_timeout < lease);
            assert!(options.statement_timeout <= Duration::from_secs(5), "never longer than before");
            let connection = options.connection().unwrap();
            let said = connection.get_options().unwrap();
            let idle =
                format!("idle_in_transaction_session_timeout={}", options.idle_in_transaction_timeout.as_millis());
            assert!(said.contains(&idle), "{said}");
        }
    }

    #[test]
    fn a_connection_is_always_kept_at_hand() {
        let none = PgOptions { min_connections: 0, ..options("postgres://ann@localhost/x") };
        assert_eq!(none.pool(&Plans::default()).get_min_connections(), 1);
    }
}
