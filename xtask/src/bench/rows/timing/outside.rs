//! Refusals as a client sees them: one connection, one request at a time, alternating between the kinds of keys.
//!
//! Two kinds are the same, so that their difference is the noise.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::json;

use super::super::{Bench, Client, Launch, Node, Report, Request, Target, Unit, pgbench};
use keyward_testkit::pg::Cluster;
use keyward_testkit::rng::Rng;

/// Number of refusals of each kind, at each call.
const OUTSIDE: u32 = 600;
/// The refused values. Only the last kind's keys are in memory: their correct values were presented before.
const KINDS: [&str; 5] =
    ["unknown", "unknown as well", "wrong secret", "wrong secret, revoked", "wrong secret, in memory"];
const CALLS: [&str; 3] = ["auth", "verify", "token"];
/// A kind may differ from the unknown keys by three standard errors of a difference that should be zero, and always by
/// this many microseconds.
const LEAST: f64 = 10.0;

/// A value to be refused, and the id in it.
#[derive(Deserialize)]
struct Impostor {
    value: String,
    id: String,
}

/// The values that belong to one key: of its own id with a wrong secret, and of an id that no key has.
#[derive(Deserialize)]
struct Pair {
    wrong: Impostor,
    unknown: Impostor,
}

/// Starts a new node in each round, on a new database of the cluster if there is one.
pub(super) fn measure(bench: &Bench, report: &mut Report, on: &str, cluster: Option<&Cluster>) -> Result<()> {
    println!("refusals from outside, {on}");
    // No source is limited for guessing here.
    let settings = [("KEYWARD_FAILED_ATTEMPTS_PER_MINUTE", "1000000")];
    let mut rounds: [Vec<[f64; KINDS.len()]>; CALLS.len()] = Default::default();
    let mut rng = Rng::of_seed(0);
    for round in 0..bench.effort.rounds {
        let fresh = |cluster| pgbench::fresh_database(cluster, &format!("round{round}"));
        let database = cluster.map(fresh).transpose()?;
        let launch = Launch { database: database.as_deref(), settings: &settings, ..Launch::default() };
        let node = Node::start(bench, &launch)?;
        for ((call, name), rounds) in CALLS.iter().enumerate().zip(&mut rounds) {
            let times = times(bench, &node, call, &mut rng)?;
            println!("{name}: {:.1?}", KINDS.iter().zip(times).collect::<Vec<_>>());
            rounds.push(times);
        }
    }
    for (name, rounds) in CALLS.iter().zip(rounds) {
        let (distances, noise) = compared(&rounds);
        let title = format!("from outside, {on}, {name}: each kind of wrong secret to an unknown key");
        for distance in distances {
            report.add(&title, Target::Always((3.0 * noise).max(LEAST)), Unit::Microseconds, distance);
        }
        let title = format!("from outside, {on}, {name}: standard error between two halves of the unknown keys");
        report.note(title, Unit::Microseconds, noise);
    }
    Ok(())
}

/// The difference of each kind of wrong secret from the unknown keys, in the mean of the rounds, and the standard error
/// of the mean difference of the two halves of the unknown keys.
///
/// Signs count: slower in one round and faster in the next is noise, and cancels out.
fn compared(rounds: &[[f64; KINDS.len()]]) -> ([f64; KINDS.len() - 2], f64) {
    let mean = |of: &dyn Fn(&[f64; KINDS.len()]) -> f64| rounds.iter().map(of).sum::<f64>() / count(rounds);
    let distances = [2, 3, 4].map(|kind| mean(&|round| round[kind] - round[0].midpoint(round[1])).abs());
    // The two halves are the same, so all of their difference is noise: it is measured from zero, not from its mean.
    let noise = (mean(&|round| (round[0] - round[1]).powi(2)) / count(rounds)).sqrt();
    (distances, noise)
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred at most")]
const fn count<T>(of: &[T]) -> f64 {
    of.len() as f64
}

/// The time of each kind, in microseconds, of keys that no other call has used.
fn times(bench: &Bench, node: &Node, call: usize, rng: &mut Rng) -> Result<[f64; KINDS.len()]> {
    let client = Client::new()?;
    let count = bench.effort.count(OUTSIDE);
    let pairs = impostors(bench, node, &client, 3 * count)?;
    // Answers leave at ticks of the server's clock, so the client's work after one affects the time of the next: in
    // random orders each kind follows each other kind about equally often.
    let mut order = [0, 1, 2, 3, 4];
    let mut taken: [Vec<f64>; KINDS.len()] = Default::default();
    for three in pairs.chunks_exact(3) {
        let [plain, revoked, warm] = three else { continue };
        let impostors = [&plain.unknown, &revoked.unknown, &plain.wrong, &revoked.wrong, &warm.wrong];
        rng.shuffle(&mut order);
        for kind in order {
            let answer = client.ask(&request(node, call, impostors[kind], &warm.unknown))?;
            taken[kind].push(answer.millis * 1_000.0);
        }
    }
    Ok(taken.map(|taken| middle(&taken)))
}

/// The mean of the middle half. Answers leave at ticks of a millisecond, so times form two clusters, and a median is in
/// one or the other by chance.
fn middle(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let quarter = sorted.len() / 4;
    let middle = &sorted[quarter..sorted.len() - quarter];
    middle.iter().sum::<f64>() / count(middle)
}

fn request(node: &Node, call: usize, about: &Impostor, other: &Impostor) -> Request {
    match CALLS[call] {
        "auth" => Request::get(node.url(), "/v1/auth", 401).bearer(&about.value),
        "verify" => {
            let body = json!({"key": about.value}).to_string();
            Request::post(node.url(), "/v1/verify", 200, &body).bearer(&node.demo.platform.app_secret)
        }
        // Any key is found by its id; the secret was never made.
        _ => {
            let body = json!({"AppKey": about.id, "AppSecret": other.value}).to_string();
            Request::post(node.url(), "/v1/oauth2/token", 401, &body)
        }
    }
}

/// Makes this many keys, of which every second of three is revoked and every third is in memory. Returns a wrong value
/// for each, and one of a key that was never made.
fn impostors(bench: &Bench, node: &Node, client: &Client, count: u32) -> Result<Vec<Pair>> {
    let (mut values, mut warm) = (String::new(), Vec::new());
    for n in 0..count {
        let key = node.create_key(client, &format!("key {n}"), &["charges:read"])?;
        writeln!(values, "{}", key.value)?;
        match n % 3 {
            1 => drop(client.ask(&node.revocation(&key))?),
            2 => warm.push(key.value),
            _ => {}
        }
    }
    for value in warm {
        client.ask(&Request::get(node.url(), "/v1/auth", 204).bearer(&value))?;
    }
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), values)?;
    bench.programs.ask("impostors", &[file.path().to_str().context("the folder is not UTF-8")?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_and_the_fastest_are_ignored() {
        assert!((middle(&[9_000.0, 3.0, 2.0, -9_000.0]) - 2.5).abs() < 1e-9);
    }

    #[test]
    fn a_difference_of_either_sign_is_noise_and_one_of_a_constant_sign_is_not() {
        let rounds = [[0.0, 8.0, 14.0, 10.0, 4.0], [8.0, 0.0, -6.0, 10.0, 4.0]];
        let (distances, noise) = compared(&rounds);
        assert_eq!(format!("{distances:.1?}"), "[0.0, 6.0, 0.0]");
        assert!((noise - 32.0_f64.sqrt()).abs() < 1e-9, "{noise}");
    }
}
