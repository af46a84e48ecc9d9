//! The cost of a hundred times more keys: the same calls on a small and on a large database, one call at a time.
//!
//! Each merchant has about as many keys in both; everything else grows. Calls select keys in a mixed order, and never
//! find them in memory.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::{Bench, Client, Launch, Node, Report, Request, Target, Unit, percentile};
use crate::bench::pgbench::{copy_in, execute, fresh_database};
use crate::bench::programs::{FIRST_MILLIS, KeysToMake};
use keyward_testkit::pg::{Cluster, Durability};

/// Number of keys in the small database.
const FEW: u64 = 10_000;
/// Number of keys of each database whose values are known, and which the calls use.
const KNOWN: u64 = 10_000;
/// Number of keys of a merchant.
const KEYS_A_MERCHANT: u64 = 100;
/// Number of calls of each kind in a round.
const CALLS: u32 = 1_000;
/// The setting for the minimum memory of a node, in bytes: few keys fit.
pub(super) const LEAST_MEMORY: (&str, &str) = ("KEYWARD_VERIFIER__CACHE_BYTES", "1048576");
/// Maximum cost of a hundred or a thousand times more keys.
const MOST: f64 = 1.3;

/// Number of keys in a database.
pub(super) struct Shape {
    /// With known values.
    pub(super) known: u64,
    /// Beside them, with digests of no known value.
    pub(super) others: u64,
}

/// The keys that were put into a database.
pub(super) struct Planted {
    /// The values of the known keys, one a line.
    pub(super) values: PathBuf,
    merchants: u64,
    _folder: TempDir,
}

/// A database of some size under a node.
struct Side {
    node: Node,
    values: Vec<String>,
    merchants: u64,
}

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let cluster = Cluster::start(Durability::Real)?;
    let many = bench.effort.many_keys;
    println!("planting {many} keys (takes minutes from a million on)");
    let small = side(bench, &cluster, "small", FEW)?;
    let large = side(bench, &cluster, "large", many)?;
    // The new keys are written out before anything is measured.
    execute(&cluster, &cluster.url(), "CHECKPOINT")?;
    for call in ["verify", "get", "list"] {
        for round in 0..bench.effort.rounds {
            let (few, more) = (p50(bench, &small, call, round)?, p50(bench, &large, call, round)?);
            let name = format!("p50 of {call}: {many} keys ÷ {FEW} keys, Postgres");
            report.add(name, Target::AtMost(MOST), Unit::Ratio, more / few);
            report.note(format!("p50 of {call} among {FEW} keys"), Unit::Microseconds, few * 1_000.0);
            report.note(format!("p50 of {call} among {many} keys"), Unit::Microseconds, more * 1_000.0);
        }
    }
    Ok(())
}

fn side(bench: &Bench, cluster: &Cluster, name: &str, keys: u64) -> Result<Side> {
    let database = fresh_database(cluster, name)?;
    let launch = Launch { database: Some(&database), settings: &[LEAST_MEMORY], ..Launch::default() };
    let node = Node::start(bench, &launch)?;
    let shape = Shape { known: KNOWN.min(keys), others: keys.saturating_sub(KNOWN) };
    let planted = plant(bench, cluster, &database, &node, &shape)?;
    let values = std::fs::read_to_string(&planted.values)?.lines().map(str::to_owned).collect();
    Ok(Side { node, values, merchants: planted.merchants })
}

/// The median of a round of calls, in milliseconds, each about another key or merchant.
fn p50(bench: &Bench, side: &Side, call: &str, round: u32) -> Result<f64> {
    let client = Client::new()?;
    let mut took = Vec::new();
    for n in 0..bench.effort.count(CALLS) {
        // This step shares no factor with the number of keys: it visits all of them before one again.
        let place = (u64::from(round * CALLS + n) * 7_919) % side.values.len() as u64;
        let value = side.values.get(usize::try_from(place)?).context("there are no keys")?;
        let url = side.node.url();
        let request = match call {
            "verify" => Request::post(url, "/v1/verify", 200, &format!(r#"{{"key":"{value}"}}"#)),
            "get" => Request::get(url, &format!("/v1/api-keys/{}", id_of(value)?), 200),
            _ => Request::get(url, &format!("/v1/api-keys/bench_{}", (place * 7_907) % side.merchants), 200),
        };
        let answer = client.ask(&request.bearer(&side.node.demo.platform.app_secret))?;
        took.push(answer.millis);
    }
    Ok(percentile(&took, 50))
}

/// The id in a value.
fn id_of(value: &str) -> Result<String> {
    let suffix = value.get("sk_test_".len()..).and_then(|rest| rest.get(..26)).context("no key value")?;
    Ok(format!("key_{suffix}"))
}

/// Puts merchants under the demo partner and keys under them. Known keys and others alternate in time, as they do in
/// production.
pub(super) fn plant(bench: &Bench, cluster: &Cluster, database: &str, node: &Node, shape: &Shape) -> Result<Planted> {
    let merchants = ((shape.known + shape.others) / KEYS_A_MERCHANT).max(1);
    execute(cluster, database, &merchants_sql(merchants))?;
    if shape.others > 0 {
        execute(cluster, database, &others_sql(shape.others, merchants))?;
    }
    let folder = tempfile::tempdir()?;
    let step_millis = (shape.others / shape.known.max(1)).max(1);
    let keys = KeysToMake { count: shape.known, merchants, step_millis, seed: shape.known };
    bench.programs.make_keys(&node.master_key(), &keys, folder.path())?;
    let columns = "api_key (id, account_id, type, name, scopes, writes_keys, digest, last_four, created_at, state)";
    copy_in(cluster, database, columns, &folder.path().join("keys.tsv"))?;
    execute(cluster, database, "VACUUM (ANALYZE)")?;
    Ok(Planted { values: folder.path().join("values.txt"), merchants, _folder: folder })
}

fn merchants_sql(merchants: u64) -> String {
    format!(
        "INSERT INTO account (id, mid, role, parent_id, name, status, created_at)
         SELECT ('019a0000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'bench_' || n, 'merchant',
                (SELECT id FROM account WHERE role = 'partner' ORDER BY id LIMIT 1), 'Merchant ' || n, 'active',
                '2026-01-01'
         FROM generate_series(0, {merchants} - 1) AS n"
    )
}

/// One key a millisecond, each of another merchant than the one before.
fn others_sql(keys: u64, merchants: u64) -> String {
    format!(
        "INSERT INTO api_key
            (id, account_id, type, name, scopes, writes_keys, digest, last_four, created_at, state)
         SELECT (lpad(to_hex({FIRST_MILLIS} + n), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8'
                 || substr(md5(n::text), 4, 15))::uuid,
                ('019a0000-0000-7000-8000-' || lpad(to_hex((n * 7919) % {merchants}), 12, '0'))::uuid,
                'secret', 'twenty characters ok', 'charges:read charges:write customers:read refunds:write', false,
                '$hmac-sha256$v=1$' || rtrim(encode(sha256(n::text::bytea), 'base64'), '='), 'abcd', '2026-01-01',
                'active'
         FROM generate_series(0::bigint, {keys} - 1) AS n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_contains_the_id_of_its_key() {
        let value = format!("sk_test_{}{}", "01m844dzg0eds8cke5ky2t6s6w", "x".repeat(49));
        assert_eq!(id_of(&value).unwrap(), "key_01m844dzg0eds8cke5ky2t6s6w");
        assert!(id_of("sk_test_short").is_err());
    }
}
