//! Reads the final state of all acknowledged changes and all credentials, after all faults.
//!
//! Judges nothing: verdicts go into the history like all others.

use std::collections::{BTreeSet, HashMap};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::Run;
use super::check::{Entry, FinalState};
use super::client::{Client, from_valid, number};
use super::counters::Op;
use super::credentials::{Form, Shown};
use super::history::{Seen, Validity};
use keyward_testkit::http::Answer;
use keyward_testkit::rng::Rng;

/// Maximum size of a batch.
const BATCH: usize = 100;

/// Maximum time of a healthy node's answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The state of each thing in the ledger and of each thing that the database may have lost.
///
/// # Errors
/// If no node answers.
pub(super) fn final_states(run: &Run, ledger: &[Entry]) -> Result<HashMap<String, FinalState>> {
    let may_be_gone: Vec<String> = run.recorder.look(|history| {
        let things = history.things().filter(|(_, thing)| run.may_lack(history.born(*thing)));
        things.map(|(name, _)| name.to_owned()).collect()
    });
    let names = ledger.iter().map(|entry| &entry.name).chain(&may_be_gone).map(String::as_str);
    let names: Vec<&str> = names.collect::<BTreeSet<_>>().into_iter().collect();
    let found = concurrently(run, |client, part, parts| {
        let part_of_names = names.iter().skip(part).step_by(parts);
        part_of_names.map(|name| Ok(((*name).to_owned(), final_state(client, name)?))).collect::<Result<Vec<_>>>()
    })?;
    Ok(found.into_iter().flatten().collect())
}

/// Works with one client per node, concurrently.
fn concurrently<T: Send>(
    run: &Run,
    work: impl Fn(&mut Client<'_>, usize, usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let (work, parts) = (&work, run.world.nodes.len());
    thread::scope(|scope| {
        let clients: Vec<_> = (0..parts)
            .map(|part| scope.spawn(move || work(&mut Client::new(run, Rng::of_seed(0))?, part, parts)))
            .collect();
        let joined = clients.into_iter().map(|it| it.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.collect()
    })
}

fn final_state(client: &mut Client<'_>, name: &str) -> Result<FinalState> {
    let path = if name.starts_with("key_") { format!("/v1/api-keys/{name}") } else { format!("/v1/merchants/{name}") };
    let answer = ask(client, None, "GET", &path, None)?;
    if answer.status == 404 {
        return Ok(FinalState::Absent);
    }
    let body: Value = serde_json::from_str(&answer.text)?;
    let word = if name.starts_with("key_") { &body["state"] } else { &body["status"] };
    match word.as_str() {
        Some("active") => Ok(FinalState::Active),
        Some("suspended") => Ok(FinalState::Suspended),
        Some("revoked" | "closed") => Ok(FinalState::Ended),
        _ => bail!("{name} has the state {word}, which does not exist"),
    }
}

/// Has every credential verified at every node.
///
/// # Errors
/// If a node does not answer.
pub(super) fn verify_all(run: &Run) -> Result<()> {
    let all = run.credentials.all();
    let keys: Vec<&Shown> = all.iter().filter(|shown| matches!(shown.form, Form::Secret | Form::Public)).collect();
    concurrently(run, |client, node, _| {
        for keys in keys.chunks(BATCH) {
            let kind = |form| if form == Form::Public { "public" } else { "secret" };
            let checks: Vec<Value> =
                keys.iter().map(|shown| json!({ "key": &*shown.value, "type": kind(shown.form) })).collect();
            let sent = run.clock.now();
            let body = json!({ "checks": checks }).to_string();
            let answer = ask(client, Some(node), "POST", "/v1/verify/batch", Some(&body))?;
            let ended = run.clock.now();
            let body: Value = serde_json::from_str(&answer.text)?;
            for (place, shown) in keys.iter().enumerate() {
                let valid = body["results"][place]["valid"].as_bool();
                let validity = valid.map_or(Validity::Nothing, from_valid);
                run.recorder.see(Seen { credential: shown.credential, node: number(node), sent, ended, validity });
            }
        }
        for token in all.iter().filter(|shown| shown.form == Form::Token) {
            client.show(node, token);
        }
        Ok(())
    })
    .map(drop)
}

/// Repeats a request until it gets an answer.
fn ask(
    client: &mut Client<'_>,
    node: Option<usize>,
    method: &'static str,
    path: &str,
    body: Option<&str>,
) -> Result<Answer> {
    let deadline = client.run.clock.now() + PATIENCE;
    loop {
        let node = node.or_else(|| client.any_node()).context("no node is ready")?;
        let request = client.request(method, path, body);
        let answer = client.send(Op::Read, node, &request, PATIENCE);
        match answer {
            Ok(answer) if matches!(answer.status, 200 | 404) => return Ok(answer),
            other if client.run.clock.now() > deadline => {
                bail!("after all faults node {node} answered {method} {path} with {other:?}")
            }
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}
