//! Finding a thousand keys among all keys of a partner, page by page.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::size::{LEAST_MEMORY, Shape, plant};
use super::{Bench, Client, Launch, Node, Report, Request, Target, Unit, percentile};
use crate::bench::pgbench::{execute, fresh_database};
use keyward_testkit::pg::{Cluster, Durability};

/// Number of keys that each search finds. They are spread evenly over all.
const MATCHES: u64 = 1_000;
/// Number of keys of which the values are known; nothing uses them here.
const KNOWN: u64 = 1_000;
/// Maximum number of pages of 100 for conditions with an index.
const MOST_PAGES: f64 = 20.0;
/// Maximum time of a page, in milliseconds.
const MOST: f64 = 10.0;
/// A creator of keys, as an id and in the database.
const CREATOR: (&str, &str) = ("key_01h2xcejqtf2nbrexx3vqjhp41", "0188bac7-4afa-78aa-bc3b-bd1eef28d881");

/// The searches: name, query, and whether an index holds the condition.
fn searches() -> [(&'static str, String, bool); 5] {
    [
        ("created_by", format!("created_by={}", CREATOR.0), true),
        ("expires_before", "expires_before=2099-01-01T00:00:00Z".to_owned(), true),
        ("mid", "mid=bench_1".to_owned(), true),
        ("scope", "scope=needles:find".to_owned(), false),
        ("q", "q=needle".to_owned(), false),
    ]
}

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let cluster = Cluster::start(Durability::Real)?;
    let keys = bench.effort.many_keys;
    println!("planting {keys} keys (takes minutes from a million on)");
    let database = fresh_database(&cluster, "find")?;
    let launch = Launch { database: Some(&database), settings: &[LEAST_MEMORY], ..Launch::default() };
    let node = Node::start(bench, &launch)?;
    let shape = Shape { known: KNOWN, others: keys.saturating_sub(KNOWN) };
    plant(bench, &cluster, &database, &node, &shape)?;
    execute(&cluster, &database, EMPTIED)?;
    execute(&cluster, &database, &spread(keys / MATCHES))?;
    execute(&cluster, &database, "VACUUM (ANALYZE)")?;
    let client = Client::new()?;
    for (name, query, has_index) in searches() {
        let pages = walk(&client, &node, &query).with_context(|| format!("the search by {name}"))?;
        let (time, number) = (percentile(&pages, 99), f64::from(u32::try_from(pages.len())?));
        report.add(
            format!("p99 of a page by {name} among {keys} keys"),
            Target::AtMost(MOST),
            Unit::Milliseconds,
            time,
        );
        let target = if has_index { Target::AtMost(MOST_PAGES) } else { Target::None };
        report.add(format!("pages by {name}, for {MATCHES} matches"), target, Unit::Count, number);
    }
    Ok(())
}

/// The times of all pages of a search, in milliseconds.
fn walk(client: &Client, node: &Node, query: &str) -> Result<Vec<f64>> {
    let (mut times, mut found, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let request = Request::get(node.url(), &format!("/v1/api-keys?{query}{cursor}"), 200);
        let page = client.ask(&request.bearer(&node.demo.partner.app_secret))?;
        times.push(page.millis);
        let body: Value = serde_json::from_str(&page.answer.text)?;
        found += body["keys"].as_array().context("a page without keys")?.len();
        let Some(next) = body["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    ensure!(found as u64 == MATCHES, "found {found} keys");
    Ok(times)
}

/// Leaves one merchant without keys.
const EMPTIED: &str = "UPDATE api_key SET account_id = (SELECT id FROM account WHERE mid = 'bench_0')
    WHERE account_id = (SELECT id FROM account WHERE mid = 'bench_1')";

/// Gives each `step`th key what one of the searches finds: a thousand keys for each, all different.
fn spread(step: u64) -> String {
    let creator = CREATOR.1;
    format!(
        "WITH numbered AS (
            SELECT id, row_number() OVER (ORDER BY id) % {step} AS place
            FROM api_key WHERE name = 'twenty characters ok'
         )
         UPDATE api_key k SET
            created_by = CASE WHEN n.place = 1 THEN '{creator}'::uuid ELSE k.created_by END,
            expires_at = CASE WHEN n.place = 2 THEN '2098-01-01'::timestamptz ELSE k.expires_at END,
            account_id = CASE WHEN n.place = 3 THEN (SELECT id FROM account WHERE mid = 'bench_1')
                ELSE k.account_id END,
            scopes = CASE WHEN n.place = 4 THEN 'needles:find' ELSE k.scopes END,
            name = CASE WHEN n.place = 5 THEN 'needle in a haystack' ELSE k.name END
         FROM numbered n WHERE n.id = k.id AND n.place BETWEEN 1 AND 5"
    )
}
