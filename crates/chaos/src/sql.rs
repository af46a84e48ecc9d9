//! Queries to the Postgres of a run, without the nodes: its events, and the missing events that nodes report.
//!
//! Uses `psql` over the socket, so that no broken network is in between. Only [`make_events`] changes anything.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};

use anyhow::{Context as _, Result, bail};

use super::cut::{Event, LossReport};
use keyward_testkit::pg::{self, Cluster};

/// An account that nothing depends on, to make events with.
pub(super) const OVERTAKER: &str = "overtaker";

/// The alphabet of a key's id (TypeID).
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Runs SQL, and returns its output.
///
/// # Errors
/// If it fails.
pub(super) fn ask(cluster: &Cluster, sql: &str) -> Result<String> {
    pg::sql(cluster.bin_dir(), &cluster.url(), sql)
}

/// The number of the last event.
///
/// # Errors
/// If the query fails.
pub(super) fn head(cluster: &Cluster) -> Result<u64> {
    let head = ask(cluster, "SELECT seq FROM revocation_head")?;
    head.trim().parse().context("the head of the events is no number")
}

/// The losses that nodes have reported in the current history.
///
/// # Errors
/// If the query fails.
pub(super) fn reports(cluster: &Cluster) -> Result<Vec<LossReport>> {
    let sql = "SELECT kept_up_to, had_up_to FROM lost_history WHERE token = (SELECT token FROM history_token)";
    let row = |line: &str| {
        let (kept, had) = line.split_once(' ').context("not two numbers")?;
        Ok(LossReport { kept_up_to: kept.parse()?, had_up_to: had.parse()? })
    };
    ask(cluster, sql)?.lines().map(row).collect()
}

/// Makes this many events in one transaction.
///
/// # Errors
/// If it fails.
pub(super) fn make_events(cluster: &Cluster, count: u64) -> Result<()> {
    let change = format!(
        "UPDATE account SET status = CASE status WHEN 'active' THEN 'suspended' ELSE 'active' END
        WHERE mid = '{OVERTAKER}'"
    );
    ask(cluster, &format!("DO $$ BEGIN FOR i IN 1..{count} LOOP {change}; END LOOP; END $$")).map(drop)
}

fn events_after(number: u64) -> String {
    format!(
        "SELECT e.seq, e.nonce, e.change, e.scope, CASE e.scope WHEN 'account' THEN a.mid ELSE e.subject::text END
        FROM revocation_event e LEFT JOIN account a ON a.id = e.subject WHERE e.seq > {number} ORDER BY e.seq"
    )
}

/// All events after this number.
///
/// # Errors
/// If the query fails.
pub(super) fn events(cluster: &Cluster, after: u64) -> Result<Vec<Event>> {
    ask(cluster, &events_after(after))?.lines().map(event).collect()
}

/// A transaction that locks the head of the events, so that no event is committed meanwhile.
pub(super) struct Held(Child);

impl Held {
    /// Locks the head, and reads all events after this number. They are complete if this value is held until the server
    /// has ended.
    ///
    /// # Errors
    /// If the query fails.
    pub(super) fn with_events(cluster: &Cluster, after: u64) -> Result<(Self, Vec<Event>)> {
        let mut command = pg::psql(cluster.bin_dir(), &cluster.url());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut held = Self(command.spawn().context("cannot start psql")?);
        let sql = format!("BEGIN;\nSELECT FROM revocation_head FOR UPDATE;\n{};\n\\echo end\n", events_after(after));
        held.0.stdin.as_mut().context("no input of psql")?.write_all(sql.as_bytes())?;
        let mut events = Vec::new();
        for line in BufReader::new(held.0.stdout.take().context("no output of psql")?).lines() {
            match line?.as_str() {
                "end" => return Ok((held, events)),
                "" => {}
                line => events.push(event(line)?),
            }
        }
        bail!("psql ended before it listed all events")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // The server may have ended, and psql with it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Parses a line of the output of [`events_after`].
fn event(line: &str) -> Result<Event> {
    let words: Vec<&str> = line.split(' ').collect();
    let [number, nonce, change, scope, subject] = words[..] else { bail!("not an event: {line}") };
    let name = if scope == "key" { key_id(subject)? } else { subject.to_owned() };
    Ok(Event { number: number.parse()?, nonce: nonce.to_owned(), name, change: change.to_owned() })
}

/// A key's id from its UUID, as the database prints it.
fn key_id(uuid: &str) -> Result<String> {
    let number = u128::from_str_radix(&uuid.replace('-', ""), 16).context("a key's id is no UUID")?;
    let digit = |place: u32| {
        let index = usize::try_from((number >> (5 * place)) & 31).unwrap_or_default();
        char::from(DIGITS[index])
    };
    Ok(["key_"].into_iter().map(str::to_owned).chain((0..26).rev().map(|place| digit(place).to_string())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_parsed_with_the_name_that_clients_use() {
        // The example of the TypeID specification.
        let line = "7 0000-a revoked key 01889c89-df6b-7f1c-a388-91396ec314bc";
        let read = event(line).unwrap();
        assert_eq!((read.number, read.nonce.as_str(), read.change.as_str()), (7, "0000-a", "revoked"));
        assert_eq!(read.name, "key_01h2e8kqvbfwea724h75qc655w");
        assert_eq!(event("8 b closed account mid-1").unwrap().name, "mid-1");
        assert!(event("8 b closed").is_err());
    }
}
