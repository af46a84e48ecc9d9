//! `keyward doctor`: checks whether a node could work here, and says what to do where it could not. Changes nothing.
//!
//! Findings are independent: a check that an earlier finding makes impossible is left out.

use std::process::ExitCode;

use anyhow::Result;
use keyward_app::{Caller, Clock as _, manage::list_accounts::list_accounts};
use keyward_domain::{Environment, MasterKey};
use keyward_storage::{Installation, Schema, SigningKeys, Tokens};

use super::{exit::Exit, output};
use crate::{
    clock::SystemClock,
    config::{Settings, Tls},
    database::{Database, Mode, explain},
    error_text::one_line,
    file_size,
    installation::{Claimant, judge},
    listener::Certificates,
    master_key,
    node::Node,
};

mod clocks;
mod findings;
mod nodes;
mod proxies;

use findings::Findings;

pub(super) async fn run(settings: &Settings, form: output::Form) -> Result<ExitCode> {
    let mut findings = Findings::default();
    findings.good("environment", settings.environment.as_str());
    if let Some(warning) = file_size::warning() {
        findings.notice("files", warning);
    }
    check_addresses(settings, &mut findings).await;
    proxies::check_proxies(settings, &mut findings).await;
    match Database::open(settings, Mode::Read).await {
        Ok(database) => {
            check_database(settings, &database, &mut findings).await;
            database.close().await?;
        }
        Err(error) => findings.wrong("database", one_line(&error)),
    }
    findings.print(form)?;
    Ok(if findings.are_wrong() { Exit::Failed } else { Exit::Done }.into())
}

async fn check_addresses(settings: &Settings, findings: &mut Findings) {
    match (&settings.public_url, settings.environment) {
        (Some(url), Environment::Production) if !url.starts_with("https://") => findings.notice(
            "public_url",
            format!(
                "{url} is not https: keys are sent unencrypted; set tls.certificate and tls.key, or put a \
                 proxy in front"
            ),
        ),
        (Some(url), _) => findings.good("public_url", url.as_str()),
        (None, _) => findings.good("public_url", format!("follows the listener, {}", settings.listen)),
    }
    match &settings.tls {
        None if settings.listen.ip().is_loopback() => findings.good("tls", "none, on this machine only"),
        None => findings.notice(
            "tls",
            format!("none, and {} is reachable from elsewhere: put a proxy with TLS in front", settings.listen),
        ),
        Some(tls) => check_tls(tls, findings).await,
    }
    for warning in &settings.warnings {
        findings.notice("settings", warning);
    }
    if settings.metrics_listen.is_some_and(|address| !address.ip().is_loopback()) {
        findings.notice("metrics_listen", "answers every client that reaches it: keep it inside your network");
    }
}

async fn check_tls(tls: &Tls, findings: &mut Findings) {
    match Certificates::load(tls).await {
        Ok(_) => findings.good("tls", format!("{} can be used", tls.certificate.display())),
        Err(error) => findings.wrong("tls", one_line(&error)),
    }
}

async fn check_database(settings: &Settings, database: &Database, findings: &mut Findings) {
    findings.good("database", database.to_string());
    for warning in database.warnings() {
        findings.notice("database", warning);
    }
    match database.readable_schema().await {
        Ok(Schema::Current) => findings.good("schema", explain(Schema::Current)),
        Ok(other) => return findings.wrong("schema", explain(other)),
        Err(error) => return findings.wrong("schema", one_line(&error)),
    }
    if let Err(error) = database.check_rights().await {
        return findings.wrong("rights", one_line(&error));
    }
    nodes::check_nodes(settings, database, findings).await;
    let store = database.store();
    if !check_key(settings, &*store, findings).await {
        return;
    }
    check_issuer(settings, &*store, findings).await;
    check_signing_keys(&*store, findings).await;
    // With everything else in order, the use cases work.
    match Node::open(settings, Mode::Read, None).await {
        Ok(node) => {
            check_accounts(&node, findings).await;
            if let Err(error) = node.close().await {
                findings.notice("database", one_line(&error));
            }
        }
        Err(error) => findings.wrong("database", one_line(&error)),
    }
}

/// Checks that stamp and master key exist and belong together.
async fn check_key(settings: &Settings, store: &dyn Installation, findings: &mut Findings) -> bool {
    let key_path = settings.master_key_path();
    let (environment, key_given) = (settings.environment, settings.master_key_file.is_some());
    let claimant = Claimant { environment, key_path: &key_path, key_given };
    let stamp = match store.stamp().await {
        Ok(stamp) => stamp,
        Err(error) => {
            findings.wrong("stamp", one_line(&anyhow::Error::new(error)));
            return false;
        }
    };
    let Some(stamp) = stamp else {
        findings.notice("stamp", "none yet: the first server or command that changes something claims the database");
        match master_key::read(&key_path) {
            Ok(Some(_)) => findings.good("master key", format!("{} will be used", key_path.display())),
            Ok(None) if claimant.key_given => findings.wrong(
                "master key",
                format!("{} is missing: create it with {}", key_path.display(), master_key::recipe(&key_path)),
            ),
            Ok(None) => findings.good("master key", format!("{} will be created", key_path.display())),
            Err(error) => findings.wrong("master key", one_line(&error)),
        }
        return false;
    };
    findings.good("stamp", format!("{}, master key versions 1 to {}", stamp.environment, stamp.fingerprints.len()));
    match master_key::read(&key_path) {
        Ok(Some(key)) => match judge(Some(&stamp), environment, &key) {
            Ok(_) => {
                findings.good("master key", format!("{}, fingerprints {}", key_path.display(), fingerprints(&key)));
                return true;
            }
            Err(foreign) => findings.wrong("master key", foreign.explain(&claimant)),
        },
        Ok(None) => {
            let wanted: Vec<_> = stamp.fingerprints.into_iter().map(|(_, fingerprint)| fingerprint).collect();
            findings.wrong(
                "master key",
                format!(
                    "{} is missing: restore the file with the fingerprint {}",
                    key_path.display(),
                    wanted.join(" and ")
                ),
            );
        }
        Err(error) => findings.wrong("master key", one_line(&error)),
    }
    false
}

fn fingerprints(key: &MasterKey) -> String {
    key.versions().filter_map(|version| key.fingerprint(version)).collect::<Vec<_>>().join(" ")
}

/// Checks the issuer of tokens.
async fn check_issuer(settings: &Settings, store: &dyn Installation, findings: &mut Findings) {
    match (store.issuer().await, &settings.public_url) {
        (Ok(Some(stamped)), Some(given)) if stamped != *given => findings.notice(
            "issuer",
            format!(
                "a node without public_url (KEYWARD_PUBLIC_URL) issues tokens as {stamped}, and these settings have \
                 {given}: set the same on all nodes"
            ),
        ),
        (Ok(_), Some(given)) => findings.good("issuer", given.as_str()),
        (Ok(Some(stamped)), None) => findings.good("issuer", format!("{stamped}, as the first node stamped it")),
        (Ok(None), None) => findings.good("issuer", "none yet: the first server stamps its address"),
        (Err(error), _) => findings.wrong("issuer", one_line(&anyhow::Error::new(error))),
    }
}

async fn check_signing_keys(store: &dyn Tokens, findings: &mut Findings) {
    let machine = SystemClock.wall();
    match store.signing_keys().await {
        Ok(SigningKeys { keys, database_time }) => {
            clocks::compare(machine, database_time, findings);
            clocks::check_signing_keys(&keys, database_time.unwrap_or(machine), findings);
        }
        Err(error) => findings.wrong("signing key", one_line(&anyhow::Error::new(error))),
    }
}

async fn check_accounts(node: &Node, findings: &mut Findings) {
    match list_accounts(&node.manage, &Caller::operator(), 1, None).await {
        Ok(page) if page.accounts.is_empty() => findings.notice(
            "accounts",
            "none: create the root with `keyward account create --role platform --name NAME`, then its keys with \
             `keyward key pair`",
        ),
        Ok(_) => findings.good("accounts", "present; `keyward account list` lists them"),
        Err(error) => findings.wrong("accounts", one_line(&anyhow::Error::new(error))),
    }
}
