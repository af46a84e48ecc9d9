//! A node that is ready to work: database, master key and use cases, put together from the settings.
//!
//! The commands and the server begin here alike. Nothing here listens or runs by itself.

use std::{sync::Arc, thread};

use anyhow::Result;
use keyward_api::app::{App, Clock, Hashing, Parts, Settings as AppSettings};
use keyward_domain::SecretHasher;
use tokio_util::task::TaskTracker;

use crate::{
    clock::SystemClock,
    config::Settings,
    database::{Access, Database},
    entropy::SystemEntropy,
    installation,
};

/// Everything but the entrances.
pub(crate) struct Node {
    /// The use cases.
    pub(crate) app: Arc<App>,
    /// What they remember in.
    pub(crate) database: Database,
    /// Work that stopping waits for.
    pub(crate) background: TaskTracker,
}

impl Node {
    /// Opens the database, checks that it is ours, and puts the use cases on top. `url` is where clients reach us, where
    /// the settings do not say so.
    pub(crate) async fn open(settings: &Settings, access: Access, url: &str) -> Result<Self> {
        let database = Database::open(settings, access).await?;
        match Self::on(settings, &database, access, url).await {
            Ok((app, background)) => Ok(Self { app, database, background }),
            Err(error) => {
                // The reason matters more than what closing says.
                let _ = database.close().await;
                Err(error)
            }
        }
    }

    async fn on(
        settings: &Settings,
        database: &Database,
        access: Access,
        url: &str,
    ) -> Result<(Arc<App>, TaskTracker)> {
        database.bring_up(settings.auto_migrate && access == Access::Change).await?;
        let (store, clock) = (database.store(), Arc::new(SystemClock::start()));
        let key_path = settings.master_key_path();
        let node = installation::Node {
            environment: settings.environment,
            key_path: &key_path,
            key_given: settings.master_key_file.is_some(),
        };
        let master = installation::settle(&*store, &node, access, &*clock).await?;
        let background = TaskTracker::new();
        let form = settings.secret_hash;
        let app = App::new(Parts {
            store,
            clock: clock as Arc<dyn Clock>,
            entropy: Arc::new(SystemEntropy),
            hashing: Hashing {
                hasher: SecretHasher::new(&master, form),
                form,
                // One core's worth of each core: more at once would only take longer, and 19 MiB each.
                slow_at_once: thread::available_parallelism().map_or(1, usize::from),
            },
            master: Arc::new(master),
            settings: app_settings(settings, url),
            background: background.clone(),
        });
        Ok((Arc::new(app), background))
    }

    /// Waits for the work in the background and closes the database. What was used is written down first.
    pub(crate) async fn close(&self) -> Result<()> {
        self.background.close();
        self.background.wait().await;
        let flushed = self.app.flush_usage().await;
        self.database.close().await?;
        Ok(flushed?)
    }
}

fn app_settings(settings: &Settings, url: &str) -> AppSettings {
    let public_url = settings.public_url.clone().unwrap_or_else(|| url.to_owned());
    AppSettings {
        environment: settings.environment,
        token_audience: settings.token_audience.clone().unwrap_or_else(|| public_url.clone()),
        public_url,
        partners_name_mids: settings.partners_name_mids,
        refresh_family_life: settings.refresh_family_life,
        failed_attempts_per_minute: settings.failed_attempts_per_minute,
    }
}

#[cfg(test)]
#[path = "node/tests.rs"]
mod tests;
