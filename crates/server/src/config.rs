//! The settings: read once at start, from all sources, and checked as a whole.
//!
//! The TOML file overrides built-in defaults, the environment (`DATABASE_URL`, `KEYWARD_X` with sections joined by
//! `__`) overrides the file, and flags override the environment. All errors are reported together, each with the
//! setting's name, its source and the expected value. A secret is never quoted. One file per section; this is the only
//! module that reads the environment, and nothing here opens a file except the configuration itself.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use config::Map;
use ipnet::IpNet;
use keyward_api::http::Gateway;
use keyward_domain::{Environment, SecretForm};

mod database;
mod error;
mod gateway;
mod layers;
mod limits;
mod log;
mod quoting;
mod reader;
mod tls;
mod values;
mod verifier;

pub(crate) use database::{Database, Sqlite};
pub(crate) use layers::{Flags, from_process_environment};
pub(crate) use limits::Limits;
pub(crate) use log::{Format, Log};
pub(crate) use quoting::quoted;
pub(crate) use tls::Tls;
pub(crate) use values::{address, duration, path};
pub(crate) use verifier::Verifier;

use error::{LoadError, WrongSettings};
use reader::Reader;

/// All settings, valid.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Sandbox or production.
    pub(crate) environment: Environment,
    /// Address of the service's listener.
    pub(crate) listen: SocketAddr,
    /// Address of the metrics listener; `None` disables it.
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// The folder of the embedded database, the master key and the demo credentials.
    pub(crate) data_dir: PathBuf,
    /// Whether the folder was set explicitly.
    data_dir_given: bool,
    /// Base URL for clients, without a trailing slash.
    pub(crate) public_url: Option<String>,
    /// Audience of access tokens; `public_url` if absent.
    pub(crate) token_audience: Option<String>,
    /// Whether a start brings the schema up to date.
    pub(crate) auto_migrate: bool,
    /// Whether to create the demo accounts, where set explicitly.
    demo: Option<bool>,
    /// Whether partners may choose the mids of merchants that they register.
    pub(crate) partners_name_mids: bool,
    /// Form of new digests.
    pub(crate) secret_hash: SecretForm,
    /// Path of the master key, if outside the data directory.
    pub(crate) master_key_file: Option<PathBuf>,
    /// Lifetime of a family of refresh tokens.
    pub(crate) refresh_family_life: Duration,
    /// Allowed wrong credentials a minute per source.
    pub(crate) failed_attempts_per_minute: u32,
    /// How often the last use of keys is written.
    pub(crate) usage_flush_interval: Duration,
    /// Proxies whose forwarding header is trusted.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Certificate and key; plain HTTP if absent.
    pub(crate) tls: Option<Tls>,
    /// Settings for the gateways in front.
    pub(crate) gateway: Gateway,
    /// Limits on what clients may use.
    pub(crate) limits: Limits,
    /// The Postgres database, if configured.
    pub(crate) database: Database,
    /// The embedded database.
    pub(crate) sqlite: Sqlite,
    /// Settings of verification from memory.
    pub(crate) verifier: Verifier,
    /// Settings of the log.
    pub(crate) log: Log,
    /// Settings that work and should be changed.
    pub(crate) warnings: Vec<String>,
}

/// Purpose of a command, which decides what production requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Query a running server: needs its address.
    Ask,
    /// Bring up the schema: needs the database.
    Migrate,
    /// Work on accounts and keys: also needs the master key.
    Operate,
    /// Answer requests: also needs its own address.
    Serve,
}

/// The default of `data_dir`.
const DATA_DIR: &str = "./keyward-data";

impl Settings {
    /// Loads and checks all settings. `variables` is the environment.
    pub(crate) fn load(flags: &Flags, variables: Map<String, String>, purpose: Purpose) -> Result<Self, LoadError> {
        let mut reader = Reader::new(layers::merge(flags, variables)?);
        let mut settings = Self::read(&mut reader);
        settings.warnings = reader.take_warnings();
        let missing = settings.missing_in_production(purpose);
        reader.finish(missing).map_err(|problems| LoadError::Wrong(WrongSettings(problems)))?;
        Ok(settings)
    }

    fn read(reader: &mut Reader) -> Self {
        let environment = reader.read("environment", values::environment).unwrap_or(Environment::Sandbox);
        let in_sandbox = environment == Environment::Sandbox;
        let data_dir = reader.read("data_dir", values::path);
        Self {
            environment,
            listen: reader.read("listen", values::address).unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080))),
            metrics_listen: reader.read("metrics_listen", values::address),
            data_dir_given: data_dir.is_some(),
            data_dir: data_dir.unwrap_or_else(|| DATA_DIR.into()),
            public_url: reader.read("public_url", values::public_url),
            token_audience: reader.read("token_audience", values::words),
            auto_migrate: reader.read("auto_migrate", values::switch).unwrap_or(in_sandbox),
            demo: reader.read("demo", values::switch),
            partners_name_mids: reader.read("partners_name_mids", values::switch).unwrap_or(in_sandbox),
            secret_hash: reader.read("secret_hash", values::secret_form).unwrap_or(SecretForm::Hmac),
            master_key_file: reader.read("master_key_file", values::path),
            refresh_family_life: reader
                .read("refresh_family_life", values::duration)
                .unwrap_or(Duration::from_hours(24)),
            failed_attempts_per_minute: reader.read("failed_attempts_per_minute", values::count).unwrap_or(600),
            usage_flush_interval: reader
                .read("usage_flush_interval", values::duration)
                .unwrap_or(Duration::from_secs(5)),
            trusted_proxies: trusted_proxies(reader),
            tls: Tls::read(reader),
            gateway: gateway::read(reader),
            limits: Limits::read(reader),
            database: Database::read(reader),
            sqlite: Sqlite::read(reader),
            verifier: Verifier::read(reader),
            log: Log::read(reader),
            warnings: Vec::new(),
        }
    }

    /// Everything that production requires explicitly, reported together.
    fn missing_in_production(&self, purpose: Purpose) -> Vec<String> {
        if self.environment == Environment::Sandbox || purpose == Purpose::Ask {
            return Vec::new();
        }
        let mut missing = Vec::new();
        if self.database.url.is_none() && !self.data_dir_given {
            missing.push(
                "production needs DATABASE_URL (a Postgres), or data_dir (KEYWARD_DATA_DIR, --data-dir) to say where \
                 the embedded database is to live"
                    .to_owned(),
            );
        }
        if self.master_key_file.is_none() && purpose != Purpose::Migrate {
            missing.push(
                "production needs master_key_file (KEYWARD_MASTER_KEY_FILE): create the key with `head -c 32 \
                 /dev/urandom > FILE; chmod 600 FILE`, and keep a copy where the database's backups are not"
                    .to_owned(),
            );
        }
        if self.public_url.is_none() && purpose == Purpose::Serve {
            missing.push(
                "production needs public_url (KEYWARD_PUBLIC_URL): where clients reach the service, such as \
                 https://keys.example.com; it is the issuer of access tokens"
                    .to_owned(),
            );
        }
        if self.demo == Some(true) {
            missing.push(
                "production has no demo: omit --demo (demo, KEYWARD_DEMO) and create the root account with \
                 `keyward account create --role platform`"
                    .to_owned(),
            );
        }
        missing
    }

    /// Whether the database is the embedded one.
    pub(crate) const fn is_embedded(&self) -> bool {
        self.database.url.is_none()
    }

    /// Whether an empty database gets the demo accounts: if set explicitly, and by default for an embedded sandbox that
    /// only this machine can reach.
    pub(crate) fn seeds_demo(&self) -> bool {
        let implied = self.is_embedded() && self.listen.ip().is_loopback();
        self.environment == Environment::Sandbox && self.demo.unwrap_or(implied)
    }

    /// Whether this may be a sandbox with demo accounts, created now or earlier.
    pub(crate) fn may_have_demo(&self) -> bool {
        self.environment == Environment::Sandbox && self.demo != Some(false)
    }

    /// Path of the master key.
    pub(crate) fn master_key_path(&self) -> PathBuf {
        self.master_key_file.clone().unwrap_or_else(|| self.data_dir.join("master.key"))
    }

    /// Path of the demo credentials.
    pub(crate) fn demo_path(&self) -> PathBuf {
        self.data_dir.join("demo.json")
    }

    /// The data directory as configured.
    pub(crate) fn data_dir(&self) -> &Path {
        &self.data_dir
    }
}

/// Trusted proxies. Many wide networks together would also trust everyone.
fn trusted_proxies(reader: &mut Reader) -> Vec<IpNet> {
    let proxies = reader.read_list("trusted_proxies", values::proxies).unwrap_or_default();
    if values::are_wide(&proxies) {
        reader.object(
            "trusted_proxies (KEYWARD_TRUSTED_PROXIES) covers much of the internet in total: name the networks of your \
             own proxies, together at most sixteen of /8 (IPv6: sixteen of /16)"
                .to_owned(),
        );
    }
    proxies
}

#[cfg(test)]
#[path = "config/tests.rs"]
mod tests;
