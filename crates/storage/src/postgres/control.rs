//! [`PgControl`]: the ports of the revocation protocol on Postgres.
//!
//! Join, renewal and leave go over one connection of their own, past any pooler and past the pool that requests use; all the
//! rest goes through that pool, so that it never stands in a renewal's way. Events are read there, too: a node whose pool
//! gives it no connection for a fifth of the lease does not catch up, and loses the lease (R2). Nothing here decides when a lease
//! ends or a revocation is over, and nothing asks the server to cancel: a commit whose wait for a standby is cancelled
//! shows although it is not safe.

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

use super::{PgOptions, PgStore, error, server};
use crate::{Result, Seq, StorageError};

mod feed;
mod hints;
mod history;
mod membership;

/// What a process proves by that a lease is its own: random, and nowhere but in its memory. The row of the lease has a
/// digest of it.
pub struct LeaseSecret(Uuid);

impl LeaseSecret {
    /// Random bits that nothing else was made of.
    #[must_use]
    pub const fn from_random(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// As the statements say it.
    fn said(&self) -> String {
        self.0.to_string()
    }
}

/// The leases, the events and the notifications of a [`PgStore`]'s database.
pub struct PgControl {
    store: PgStore,
    direct: PgConnectOptions,
    /// How long to wait for a connection.
    connect_timeout: Duration,
    /// How long to wait for an answer on a connection that is not the pool's, its commit among it.
    answer_timeout: Duration,
    /// What its leases are renewed and given back by.
    secret: LeaseSecret,
    /// For join, renew and leave; none before the first and after a failure.
    own: Mutex<Option<PgConnection>>,
}

impl fmt::Debug for PgControl {
    /// Without the connection options, which hold the password, and without the secret of the leases.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgControl").field("store", &self.store).finish_non_exhaustive()
    }
}

impl PgControl {
    /// Connects, and looks whether both ways lead to the same database: a lease that stands elsewhere is one that no
    /// revoker waits for. The URL of `direct` must lead past any pooler that hands connections on between transactions,
    /// where notifications are lost and a lease waits for requests. The leases that are taken here are renewed and
    /// given back by this secret alone.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] if the server does not answer, lets us not in or is a standby;
    /// [`StorageError::Unexpected`] if the URL is none or leads to another database than that of the store.
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
        let mut own = control.own_connection().await?;
        let direct = timeout(answer_timeout, server::place(own.connection())).await.map_err(error::late)?;
        let mut pooled = store.pool.acquire().await.map_err(error::failed)?;
        let pooled = timeout(answer_timeout, server::place(&mut pooled)).await.map_err(error::late)?;
        if direct.map_err(error::failed)? != pooled.map_err(error::failed)? {
            let said = "the direct URL leads to another database than the one that requests use";
            return Err(StorageError::Unexpected(said.into()));
        }
        own.give_back();
        Ok(control)
    }

    /// The connection of our own. It is given up unless it is [given back](Lent::give_back): after a failure, and when
    /// whoever waits for the answer waits no longer, nobody knows what is still on its way through it.
    async fn own_connection(&self) -> Result<Lent<'_>> {
        let mut home = self.own.lock().await;
        if let Some(connection) = home.take() {
            return Ok(Lent { home, connection });
        }
        let options = self.direct.clone().application_name("keyward-lease");
        let connected = timeout(self.connect_timeout, async {
            let mut connection = options.connect().await?;
            server::refuse_unfit(&mut connection).await?;
            Ok(connection)
        });
        let connection = connected.await.map_err(error::late)?.map_err(error::failed)?;
        Ok(Lent { home, connection })
    }

    /// Waits for the answer to a write on our own connection.
    async fn answered<T>(&self, write: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T> {
        timeout(self.answer_timeout, write).await.map_err(error::commit_late)?.map_err(error::commit_failed)
    }

    /// Where a connection that listens comes from: it holds one, for as long as somebody listens.
    fn listening(&self) -> PgPoolOptions {
        PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(self.connect_timeout)
            .max_lifetime(None)
            .idle_timeout(None)
            .after_connect(|connection, _| Box::pin(server::refuse_unfit(connection)))
    }

    /// Ends the connection of our own. The next lease begins with another.
    pub async fn close(&self) {
        if let Some(connection) = self.own.lock().await.take() {
            // It is gone either way.
            let _ = connection.close().await;
        }
    }
}

/// The connection of our own, in use.
struct Lent<'a> {
    home: MutexGuard<'a, Option<PgConnection>>,
    connection: PgConnection,
}

impl Lent<'_> {
    fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// For the next one, after an answer.
    fn give_back(mut self) {
        *self.home = Some(self.connection);
    }
}

/// The one row that numbers all events is not there.
fn headless() -> StorageError {
    StorageError::Corrupt { table: "revocation_head", id: "id".into() }
}

/// The number as a column has it. No event has one beyond the greatest.
fn column(seq: Seq) -> i64 {
    i64::try_from(seq.number()).unwrap_or(i64::MAX)
}
