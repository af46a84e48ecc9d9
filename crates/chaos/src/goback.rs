//! Lets the database go back under running nodes: an older copy replaces it, or a standby is promoted.
//!
//! Finds by number and nonce the events that the new history lacks, and waits until the service reports them. Judges
//! nothing.

use std::time::Duration;

use anyhow::{Context as _, Result};

use super::Run;
use super::client::{Client, Order};
use super::cut::{Cut, Event, LossReport};
use super::history::Change;
use super::node::Node;
use super::sql::{self, Held};
use super::world::authority;
use keyward_testkit::clock::Moment;
use keyward_testkit::pg::{Replication, Snapshot, Standby};
use keyward_testkit::rng::Rng;

/// A running node with a connection joins and reports within this time, even on a busy machine.
const REPORTED_WITHIN: Duration = Duration::from_secs(30);

/// A change is acknowledged within this time after a start of Postgres, even on a busy machine.
const CHANGED_WITHIN: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// A base backup replaces it. If `overtaken`, the lost event numbers and some more are assigned again.
    PutBack { overtaken: bool },
    /// A streaming standby is promoted: one that was cut off earlier, or a synchronous one.
    Promoted { lagging: bool },
}

/// The replacement of the database.
enum Other {
    Backup(Snapshot),
    Standby(Standby),
}

/// State of the nodes meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nodes {
    /// At least one has no fault of its own and knows the missing events.
    Live,
    /// All are killed before the old history ends, and restarted in the new one.
    Killed,
}

/// Lets the database go back to a copy of this age. Then repeats some of the lost revocations, as the manual advises.
///
/// Returns how long the database was unavailable, once it is ready.
///
/// # Errors
/// If Postgres refuses a command, or the ledger cannot be written.
pub(super) fn happen(run: &Run, way: Way, behind: Duration, rng: &mut Rng) -> Result<Duration> {
    let (cut, back_in) = once(run, way, behind, Nodes::Live, rng)?;
    let again: Vec<String> = revoked(&cut.lost).step_by(2).take(8).map(str::to_owned).collect();
    run.finish_cut(cut);
    again.iter().try_for_each(|name| revoke_again(run, name, rng))?;
    Ok(back_in)
}

/// Lets the database go back, and finds its losses.
///
/// # Errors
/// If Postgres refuses a command, or a node does not start.
pub(super) fn once(run: &Run, way: Way, behind: Duration, nodes: Nodes, rng: &mut Rng) -> Result<(Cut, Duration)> {
    let witness = run.calm(rng.place(run.world.nodes.len()));
    let cluster = &run.world.cluster;
    let (other, base, copied) = copy(run, way)?;
    wait_for_an_acknowledged_change(run, run.clock.now() + behind);
    if nodes == Nodes::Killed {
        run.world.nodes.iter().try_for_each(Node::kill)?;
    }

    // A node may report the previous loss late.
    let logs: Vec<u64> = run.world.nodes.iter().map(|node| length(&node.log())).collect();
    let (held, had) = Held::with_events(cluster, base)?;
    match rng.below(3) {
        0 => cluster.stop()?,
        1 => cluster.stop_immediately()?,
        _ => cluster.kill9()?,
    }
    drop(held);
    let ended = run.clock.now();
    // A synchronous standby has all commits, so nothing is excused.
    let loses_nothing = way == (Way::Promoted { lagging: false });
    let copied = if loses_nothing { ended } else { copied };
    run.begin_cut(Cut { copied, ended, started: ended, lost: Vec::new(), reports: Vec::new() });
    let started = run.clock.now();
    take_place(run, other)?;
    let back_in = run.clock.now().since(started);
    if way == (Way::PutBack { overtaken: true }) {
        let missing = had.last().map_or(0, |event| event.number.saturating_sub(base));
        sql::make_events(cluster, missing + 1 + rng.below(20))?;
    }
    let has = sql::events(cluster, base)?;
    let lost = if loses_nothing { Vec::new() } else { missing(had, &has) };
    let mut cut = Cut { copied, ended, started, lost, reports: Vec::new() };
    if nodes == Nodes::Killed {
        run.world.heal()?;
        cut.reports = reports(run, &logs)?;
    } else {
        await_report(run, &mut cut, &logs)?;
    }
    drop(witness);
    Ok((cut, back_in))
}

/// Makes the copy. Returns the number of an event that it contains, and a moment: the copy contains everything that was
/// answered earlier.
fn copy(run: &Run, way: Way) -> Result<(Other, u64, Moment)> {
    let cluster = &run.world.cluster;
    let replication = match way {
        Way::PutBack { .. } => None,
        Way::Promoted { lagging: true } => Some(Replication::Asynchronous),
        Way::Promoted { lagging: false } => Some(Replication::Synchronous),
    };
    let standby = replication.map(|replication| cluster.standby(replication)).transpose()?;
    let (base, copied) = (sql::head(cluster)?, run.clock.now());
    let other = match standby {
        Some(standby) => {
            if replication == Some(Replication::Asynchronous) {
                standby.cut_off()?;
            }
            Other::Standby(standby)
        }
        None => Other::Backup(cluster.base_backup(&format!("backup-{}", copied.offset().as_millis()))?),
    };
    Ok((other, base, copied))
}

/// Starts the copy in place of the database that ended.
fn take_place(run: &Run, other: Other) -> Result<()> {
    let cluster = &run.world.cluster;
    match other {
        Other::Backup(backup) => {
            cluster.put_back(&backup)?;
            cluster.start_again()
        }
        Other::Standby(standby) => {
            cluster.fail_over(standby)?;
            let url = cluster.tcp_url().context("the cluster listens on no port")?;
            let server = authority(&url).context("no address in the cluster's URL")?.parse()?;
            run.world.wires.iter().for_each(|wire| wire.lead_to(server));
            Ok(())
        }
    }
}

/// Waits until this moment, and until a change was acknowledged: otherwise there is nothing to lose.
fn wait_for_an_acknowledged_change(run: &Run, until: Moment) {
    let before = run.ledger.entries();
    let latest = until + CHANGED_WITHIN;
    run.wait_until(until);
    while run.ledger.entries() == before && run.clock.now() < latest && !run.is_over() {
        run.wait_until(run.clock.now() + Duration::from_millis(50));
    }
}

/// The events that only the old history has. A number may occur in both histories; the nonces differ.
fn missing(had: Vec<Event>, has: &[Event]) -> Vec<Event> {
    let is_there = |event: &Event| has.iter().any(|it| (it.number, &it.nonce) == (event.number, &event.nonce));
    had.into_iter().filter(|event| !is_there(event)).collect()
}

/// Waits until the service reports all missing events.
fn await_report(run: &Run, cut: &mut Cut, logs: &[u64]) -> Result<()> {
    let deadline = run.clock.now() + REPORTED_WITHIN;
    loop {
        cut.reports = reports(run, logs)?;
        if cut.is_reported() || run.is_over() || run.clock.now() > deadline {
            return Ok(());
        }
        run.wait_until(run.clock.now() + Duration::from_millis(100));
    }
}

/// Reads the reports of the service from its table and from the new lines of the nodes' logs.
fn reports(run: &Run, logs: &[u64]) -> Result<Vec<LossReport>> {
    let mut reports = sql::reports(&run.world.cluster)?;
    for (node, from) in run.world.nodes.iter().zip(logs) {
        let log = std::fs::read(node.log()).unwrap_or_default();
        let new = log.get(usize::try_from(*from).unwrap_or(usize::MAX)..).unwrap_or_default();
        reports.extend(String::from_utf8_lossy(new).lines().filter_map(report_in));
    }
    Ok(reports)
}

/// Parses the report in a line of a log.
fn report_in(line: &str) -> Option<LossReport> {
    let (_, rest) = line.split_once("the database went back: ")?;
    let after = |words: &str| -> Option<u64> {
        let (_, number) = rest.split_once(words)?;
        number.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
    };
    Some(LossReport { kept_up_to: after("those after number ")?, had_up_to: after("it had seen up to ")? })
}

fn length(path: &std::path::Path) -> u64 {
    // A node that logged nothing has no file.
    std::fs::metadata(path).map_or(0, |of| of.len())
}

fn revoked(lost: &[Event]) -> impl Iterator<Item = &str> {
    let is_key = |event: &&Event| event.change == Change::Revoke.event() && event.name.starts_with("key_");
    lost.iter().filter(is_key).map(|event| event.name.as_str())
}

/// Repeats the lost revocation of a key, as the manual advises.
fn revoke_again(run: &Run, name: &str, rng: &mut Rng) -> Result<()> {
    let Some(thing) = run.recorder.look(|history| history.find(name)) else { return Ok(()) };
    let mut shown = run.credentials.all();
    run.recorder.look(|history| shown.retain(|shown| history.rests_on(shown.credential, thing)));
    let mut client = Client::new(run, rng.stream(2))?;
    let path = format!("/v1/api-keys/{name}");
    let request = client.request("DELETE", &path, None);
    client.complete(&Order { change: Change::Revoke, things: &[thing], request, shown: &shown }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_whose_number_was_assigned_again_is_missing() {
        let event = |number, nonce: &str| Event {
            number,
            nonce: nonce.into(),
            name: "key".into(),
            change: Change::Revoke.event().into(),
        };
        let had = vec![event(7, "a"), event(8, "b"), event(9, "c")];
        let has = [event(7, "a"), event(8, "x")];
        assert_eq!(missing(had, &has), [event(8, "b"), event(9, "c")]);
    }

    #[test]
    fn a_report_in_a_log_line_is_parsed() {
        let line = "ERROR keyward: the database went back: of the changes that this node had applied, those after \
                    number 12 are lost (it had seen up to 15). Keys that were revoked by them are accepted again";
        assert_eq!(report_in(line), Some(LossReport { kept_up_to: 12, had_up_to: 15 }));
        assert_eq!(report_in("the database was started anew or went back"), None);
    }
}
