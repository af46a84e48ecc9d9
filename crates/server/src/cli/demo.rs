//! `keyward demo`: the demo accounts of a sandbox, for a shell.
//!
//! Prints a secret: that of a sandbox, which is also in a file of the same person. Creates no account.

use anyhow::{Result, bail};
use clap::Args;
use keyward_domain::Environment;

use super::{examples, output};
use crate::{
    config::Settings,
    database::Mode,
    demo::{self, DemoFile, quoted},
    node::Node,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Print the shell variables KW (the address), KEY (the partner's secret) and MID (its merchant)
    ///
    /// The address is that of the server's last start on this data directory. If clients reach it at another address (a
    /// container, a proxy), set that with --url.
    #[command(after_help = examples::DEMO_ENV)]
    Env(Env),
}

#[derive(Debug, Args)]
pub(super) struct Env {
    /// Address to print instead of the one in the file
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

pub(super) async fn run(command: Command, settings: &Settings) -> Result<()> {
    let Command::Env(Env { url }) = command;
    let file = find(settings).await?;
    let address = match &url {
        Some(url) => url.trim_end_matches('/'),
        None => file.text("/base_url")?,
    };
    let lines = [("KW", address), ("KEY", file.text("/partner/appSecret")?), ("MID", file.text("/merchant/mid")?)];
    let lines: Vec<String> = lines.iter().map(|(name, value)| format!("{name}={}", quoted(value))).collect();
    output::line(&lines.join("\n"))
}

/// The demo file of the database that the settings name. A single file may be used without a database: address and
/// credentials in it belong together, even if this shell does not know the server's database.
async fn find(settings: &Settings) -> Result<DemoFile> {
    if settings.environment == Environment::Production {
        bail!("production has no demo accounts: create keys with `keyward key pair`");
    }
    let path = settings.demo_path();
    let mut files = DemoFile::all(&path)?;
    let Some(last) = files.pop() else {
        bail!(
            "there is no {}: start the sandbox once (`keyward serve`; --demo where it is not on this machine alone or \
             its database is a Postgres), or name its folder with --data-dir",
            path.display()
        );
    };
    let found = match Node::open(settings, Mode::Read, None).await {
        Ok(node) => {
            let found = demo::of_this_database(&node.manage, &path).await;
            node.close().await?;
            found?
        }
        Err(_) if files.is_empty() => Some(last),
        Err(error) => {
            return Err(error.context(format!(
                "{} and {} belong to different databases, and the one that these settings name cannot be asked",
                path.display(),
                last.path().display()
            )));
        }
    };
    let Some(found) = found else {
        bail!(
            "the demo credentials in {} are those of another database than these settings name: give the server's \
             settings (DATABASE_URL, --data-dir)",
            settings.data_dir().display()
        );
    };
    Ok(found)
}
