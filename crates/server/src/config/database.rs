//! `database_url`, and the sections `database` (Postgres) and `sqlite` (embedded).

use std::time::Duration;

use secrecy::SecretString;

use super::{reader::Reader, values};

/// Settings of the Postgres database.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    /// Its address; the embedded database is used if absent.
    pub(crate) url: Option<SecretString>,
    /// A direct address of the same database, for what needs its own session: leases, notifications and migrations.
    pub(crate) direct_url: Option<SecretString>,
    /// Maximum number of connections.
    pub(crate) max_connections: u32,
    /// Number of connections that are kept open.
    pub(crate) min_connections: u32,
    /// Maximum time to wait for a connection before the database counts as unavailable.
    pub(crate) acquire_timeout: Duration,
    /// Maximum time that a start waits for a database that is not up yet.
    pub(crate) connect_wait: Duration,
}

/// Settings of the embedded database.
#[derive(Clone, Debug)]
pub(crate) struct Sqlite {
    /// Number of connections that read concurrently.
    pub(crate) readers: u32,
}

impl Database {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let read = Self {
            url: reader.read_secret("database_url", values::database_url),
            direct_url: reader.read_secret("database_direct_url", values::database_url),
            max_connections: reader.read("database.max_connections", values::count).unwrap_or(16),
            min_connections: reader.read("database.min_connections", values::count).unwrap_or(2),
            acquire_timeout: reader
                .read("database.acquire_timeout", values::duration)
                .unwrap_or(Duration::from_secs(3)),
            connect_wait: reader.read("database.connect_wait", values::duration).unwrap_or(Duration::from_secs(30)),
        };
        if read.direct_url.is_some() && read.url.is_none() {
            reader.object(
                "database_direct_url (KEYWARD_DATABASE_DIRECT_URL) is the direct way to the database of DATABASE_URL, \
                 which is not set"
                    .to_owned(),
            );
        }
        if read.min_connections > read.max_connections {
            reader.object(format!(
                "database.min_connections (KEYWARD_DATABASE__MIN_CONNECTIONS) is {}, which is more than \
                 database.max_connections (KEYWARD_DATABASE__MAX_CONNECTIONS), {}",
                read.min_connections, read.max_connections
            ));
        }
        read
    }
}

impl Sqlite {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self { readers: reader.read("sqlite.readers", values::count).unwrap_or(4) }
    }
}
