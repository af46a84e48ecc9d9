//! Generates wrong values for measurements of refusals. `impostors FILE` reads one key value per line and prints a line
//! of JSON for each: one value of the same key with another secret, and one of a key that does not exist, with their
//! ids.
//!
//! The random bytes come from a counter, so the values are valid nowhere.

use anyhow::{Context as _, Result, anyhow, bail};
use keyward_benches::Counted;
use keyward_domain::{Environment, KeyId, KeyType, KeyValue, PresentedValue};
use serde_json::json;
use uuid::Uuid;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [file] = words.as_slice() else { bail!("usage: impostors FILE") };
    let values = std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
    let random = Counted::default();
    for value in values.lines() {
        let known = PresentedValue::parse(value, Environment::Sandbox).map_err(|_| anyhow!("not a key value"))?.id();
        // As old as the known key, so that both are near each other in an index.
        let never_made = Uuid::from_u128(known.uuid().as_u128() ^ (u128::from(random.next()) & 0xffff_ffff));
        let impostor = |id: KeyId| {
            let value = KeyValue::mint(KeyType::Secret, Environment::Sandbox, id, random.bytes());
            json!({"value": value.expose(), "id": id.to_string()})
        };
        println!("{}", json!({"wrong": impostor(known), "unknown": impostor(KeyId::from_uuid(never_made))}));
    }
    Ok(())
}
