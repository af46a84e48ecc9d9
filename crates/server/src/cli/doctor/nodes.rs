//! Checks the nodes that answer from memory: which exist, how far each has got, and which delay revocations.
//!
//! For people: it compares times of the database's own wall clock, which no rule of the protocol does. It removes no
//! row; the nodes do that themselves.

use std::{collections::BTreeSet, time::Duration};

use keyward_storage::{Feed, Hint, LostHistory, Member, Members, StorageError};
use keyward_verifier::protocol::LeaseConfig;
use tokio::time::timeout;

use super::findings::Findings;
use crate::{
    config::Settings,
    database::{Database, Protocol},
    error_text::one_line,
    node::fresh_node,
};

const NODE: &str = "node";
const NODES: &str = "nodes";
const HISTORY: &str = "history";
/// Maximum number of reports of lost history that are shown.
const REPORTS: u32 = 5;
const NOTIFICATIONS: &str = "notifications";

/// Maximum delay of a notification to oneself before notifications count as not arriving.
const PATIENCE: Duration = Duration::from_secs(2);

/// Checks the nodes, and how they receive revocations.
pub(super) async fn check_nodes(settings: &Settings, database: &Database, findings: &mut Findings) {
    let Protocol { feed, membership } = match database.protocol().await {
        Ok(protocol) => protocol,
        Err(error) => return findings.wrong(NODES, one_line(&error)),
    };
    let Some(membership) = membership else {
        findings.good(
            NODES,
            "one process at a time uses the embedded database: it answers from memory, and its revocations wait for \
             no other node",
        );
        check_history(database.lost_history(None, REPORTS).await, findings);
        return;
    };
    match membership.members(&[]).await {
        Ok(members) => judge(&members, settings.verifier.terms, findings),
        Err(error) => findings.wrong(NODES, one_line(&anyhow::Error::new(error))),
    }
    check_history(database.lost_history(Some(&*membership), REPORTS).await, findings);
    check_notifications(&*feed, findings).await;
}

/// Reports lost history.
fn check_history(reports: Result<Vec<LostHistory>, StorageError>, findings: &mut Findings) {
    match reports {
        Ok(reports) => {
            for lost in reports {
                findings.notice(HISTORY, missing(&lost));
            }
        }
        Err(error) => findings.wrong(HISTORY, one_line(&anyhow::Error::new(error))),
    }
}

/// Judges the rows of the nodes.
fn judge(members: &Members, terms: LeaseConfig, findings: &mut Findings) {
    for member in &members.rows {
        let since = members.database_time.since(member.renewed_at);
        if member.applied > members.head.seq() {
            findings.wrong(NODE, beyond(member, members));
        } else if since > member.ttl {
            findings.notice(NODE, stalled(member, since, terms));
        } else {
            findings.good(NODE, running(member, members, since));
        }
    }
    if members.rows.is_empty() {
        findings.notice(NODES, "none runs: no node answers from memory, and a revocation waits for no node");
    }
    let present: BTreeSet<Duration> = members.rows.iter().map(|member| member.ttl).collect();
    if present.len() > 1 {
        let leases = present.into_iter().map(seconds).collect::<Vec<_>>().join(" and ");
        findings.notice(
            NODES,
            format!(
                "they have leases of {leases}: a revocation waits for the longest; set the same \
                 verifier.profile on all nodes (KEYWARD_VERIFIER__PROFILE)"
            ),
        );
    } else if let Some(other) = present.into_iter().find(|ttl| *ttl != terms.ttl) {
        findings.notice(
            NODES,
            format!(
                "they have leases of {}, and with these settings one has {}: set the same verifier.profile on all \
                 nodes (KEYWARD_VERIFIER__PROFILE)",
                seconds(other),
                seconds(terms.ttl)
            ),
        );
    }
}

fn running(member: &Member, members: &Members, since: Duration) -> String {
    let Member { node, applied, ttl, version, started_at, .. } = member;
    format!(
        "{node} has acknowledged event {applied} of {}; renewed {} ago, lease {}, keyward {version}, \
         started {started_at}",
        members.head.seq(),
        seconds(since),
        seconds(*ttl)
    )
}

/// Its acknowledgements do not count, and its next renewal is refused (R18).
fn beyond(member: &Member, members: &Members) -> String {
    format!(
        "{} has applied event {}, and the last one here is {}: the database went back; the node joins again at its \
         next renewal, and if it no longer runs, another node removes its row",
        member.node,
        member.applied,
        members.head.seq()
    )
}

fn missing(lost: &LostHistory) -> String {
    let LostHistory { kept_up_to, had_up_to, noticed_at, .. } = lost;
    format!(
        "the database went back: of the changes up to event {had_up_to}, those after event {kept_up_to} are lost \
         (noticed at {noticed_at}); keys that they revoked or suspended are accepted until you revoke them again"
    )
}

fn stalled(member: &Member, since: Duration, terms: LeaseConfig) -> String {
    let Member { node, ttl, version, started_at, .. } = member;
    format!(
        "{node} stopped renewing: its lease of {} was renewed {} ago, so it answers nothing from memory, and each \
         revocation waits up to {} for it until a running node removes its row (keyward {version}, started \
         {started_at})",
        seconds(*ttl),
        seconds(since),
        seconds(ttl.saturating_add(terms.guard))
    )
}

/// Checks whether a notification to oneself arrives (R14).
async fn check_notifications(feed: &dyn Feed, findings: &mut Findings) {
    let probe = Hint::Probe(fresh_node());
    let arrives = async {
        if let Some(mut hints) = feed.listen().await? {
            feed.announce(probe).await?;
            while hints.next().await? != probe {}
        }
        Ok::<_, StorageError>(())
    };
    match timeout(PATIENCE, arrives).await {
        Ok(Ok(())) => findings.good(NOTIFICATIONS, "they arrive: nodes learn of revocations immediately"),
        Ok(Err(error)) => {
            findings.notice(NOTIFICATIONS, format!("cannot listen: {}", one_line(&anyhow::Error::new(error))));
        }
        Err(_) => findings.notice(
            NOTIFICATIONS,
            "they do not arrive, so nodes learn of revocations only when they renew their leases: is a pooler in \
             between? set database_direct_url (KEYWARD_DATABASE_DIRECT_URL) to a direct address",
        ),
    }
}

fn seconds(time: Duration) -> String {
    if time.subsec_millis() == 0 { format!("{} s", time.as_secs()) } else { format!("{:.1} s", time.as_secs_f64()) }
}

#[cfg(test)]
#[path = "nodes/tests.rs"]
mod tests;
