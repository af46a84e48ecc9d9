//! [`PgControl`]: the ports of the revocation protocol on Postgres.
//!
//! Join, renewal and leave use one dedicated connection, which bypasses any pooler and the pool for requests.
//! Everything else uses that pool, so that it never delays a renewal. Events are read there, too: a node that gets no
//! connection from the pool for a fifth of the lease does not catch up, and loses the lease (R2). Nothing here decides
//! when a lease or a revocation ends, and nothing asks the server to cancel: a commit whose wait for a standby is
//! cancelled is visible although it is not safe.

use std::fmt;

use sqlx::{
    ConnectOptions as _, Connection as _, PgConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::{Duration, timeout},
};
use uuid::Uuid;

use super::{error, options::PgOptions, server, store::PgStore};
use crate::{Result, StorageError};

/// A secret by which a process proves that a lease is its own: random, and only in its memory. The lease's row has a
/// digest of it.
pub struct LeaseSecret(Uuid);

impl LeaseSecret {
    /// Wraps random bits that are used for nothing else.
    #[must_use]
    pub const fn from_random(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The secret in the form used in statements.
    pub(super) fn text(&self) -> String {
        self.0.to_string()
    }
}

/// Leases, events and notifications of a [`PgStore`]'s database.
pub struct PgControl {
    pub(super) store: PgStore,
    pub(super) direct: PgConnectOptions,
    /// Time limit for a connection.
    connect_timeout: Duration,
    /// Time limit for a reply on a dedicated connection, including its commit.
    pub(super) answer_timeout: Duration,
    /// Secret for renewing and releasing its leases.
    pub(super) secret: LeaseSecret,
    /// For join, renew and leave; none before first use and after a failure.
    own: Mutex<Option<PgConnection>>,
}

impl fmt::Debug for PgControl {
    /// Omits the connection options, which contain the password, and the secret of the leases.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgControl").field("store", &self.store).finish_non_exhaustive()
    }
}

impl PgControl {
    /// Connects, and checks that both URLs lead to the same database: no revoker waits for a lease in another database.
    /// The URL of `direct` must bypass any transaction pooler, which loses notifications and makes a lease wait for
    /// requests. Only this secret renews and releases the leases taken here.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] if the server does not reply, refuses the login or is a standby;
    /// [`StorageError::Unexpected`] if the URL is invalid or leads to another database than the store's.
    pub async fn connect(store: &PgStore, direct: &PgOptions, secret: LeaseSecret) -> Result<Self> {
        let answer_timeout = direct.statement_timeout + direct.commit_timeout;
        let options = direct.connection()?.options([("statement_timeout", "0")]);
        let control = Self {
            store: store.clone(),
            direct: options,
            connect_timeout: direct.acquire_timeout,
            answer_timeout,
            secret,
            own: Mutex::new(None),
        };
        let mut own = control.lease_connection().await?;
        let direct = timeout(answer_timeout, server::place(own.connection())).await.map_err(error::late)?;
        let mut pooled = store.pool.acquire().await.map_err(error::failed)?;
        let pooled = timeout(answer_timeout, server::place(&mut pooled)).await.map_err(error::late)?;
        if direct.map_err(error::failed)? != pooled.map_err(error::failed)? {
            let mismatch = "the direct URL leads to another database than the one that requests use";
            return Err(StorageError::Unexpected(mismatch.into()));
        }
        own.give_back();
        Ok(control)
    }

    /// Borrows the dedicated connection. It is closed unless it is [given back](LeaseConnection::give_back): after a
    /// failure, or if the caller stops waiting, the state of the connection is unknown.
    pub(super) async fn lease_connection(&self) -> Result<LeaseConnection<'_>> {
        let mut slot = self.own.lock().await;
        if let Some(connection) = slot.take() {
            return Ok(LeaseConnection { slot, connection });
        }
        let options = self.direct.clone().application_name("keyward-lease");
        let connected = timeout(self.connect_timeout, async {
            let mut connection = options.connect().await?;
            server::refuse_unfit(&mut connection).await?;
            Ok(connection)
        });
        let connection = connected.await.map_err(error::late)?.map_err(error::failed)?;
        Ok(LeaseConnection { slot, connection })
    }

    /// Waits for the reply to a write on the dedicated connection.
    pub(super) async fn answered<T>(&self, write: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T> {
        timeout(self.answer_timeout, write).await.map_err(error::commit_late)?.map_err(error::commit_failed)
    }

    /// Options of a pool with one connection, used for listening.
    pub(super) fn listening(&self) -> PgPoolOptions {
        PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(self.connect_timeout)
            .max_lifetime(None)
            .idle_timeout(None)
            .after_connect(|connection, _| Box::pin(server::refuse_unfit(connection)))
    }

    /// Closes the dedicated connection. The next lease opens another.
    pub async fn close(&self) {
        if let Some(connection) = self.own.lock().await.take() {
            // The connection is gone in any case.
            let _ = connection.close().await;
        }
    }
}

/// The dedicated connection, borrowed.
pub(super) struct LeaseConnection<'a> {
    slot: MutexGuard<'a, Option<PgConnection>>,
    connection: PgConnection,
}

impl LeaseConnection<'_> {
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Returns the connection for the next use, after a reply.
    pub(super) fn give_back(mut self) {
        *self.slot = Some(self.connection);
    }
}
