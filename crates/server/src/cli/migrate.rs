//! `keyward migrate`: brings the schema up to date, and creates no account, key or stamp.

use anyhow::{Result, bail};
use keyward_storage::Schema;

use super::output;
use crate::{
    config::Settings,
    database::{Database, Mode, explain},
};

pub(super) async fn run(settings: &Settings) -> Result<()> {
    let database = Database::open(settings, Mode::Make).await?;
    let done = bring_up(&database).await;
    let closed = database.close().await;
    output::line(&done?)?;
    closed
}

async fn bring_up(database: &Database) -> Result<String> {
    match database.readable_schema().await? {
        Schema::Current => Ok(format!("the schema of the {database} is up to date")),
        Schema::Empty | Schema::Behind { .. } => {
            database.migrate().await?;
            Ok(format!("brought the schema of the {database} up to date"))
        }
        other @ (Schema::Ahead { .. } | Schema::Foreign) => bail!(explain(other)),
    }
}
