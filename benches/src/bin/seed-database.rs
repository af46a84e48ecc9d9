//! Generates keys for a measured database: rows to copy into it, and the values of the keys.
//!
//! `seed-database MASTER_KEY_FILE COUNT MERCHANTS FIRST_MILLIS STEP_MILLIS SEED FOLDER` writes `keys.tsv` (columns as
//! in [`ROW`]) and `values.txt` into the folder. The product's own code makes values and digests, with the master key
//! of the node that verifies them. The random bytes come from a counter: use the keys only in a throwaway database.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
};

use anyhow::{Context as _, Result, bail};
use keyward_benches::Counted;
use keyward_domain::{Environment, KeyId, KeyType, KeyValue, MasterKey, SecretForm, SecretHasher};
use uuid::Uuid;

/// The columns of `keys.tsv`. The account of merchant n is the UUID `MERCHANT` + n.
const ROW: &str = "id, account_id, type, name, scopes, writes_keys, digest, last_four, created_at, state";
const MERCHANT: u128 = 0x019a_0000_0000_7000_8000_0000_0000_0000;
/// Creation time in the rows. Nothing depends on it.
const CREATED_AT: &str = "2026-01-01 00:00:00+00";

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [master, count, merchants, first, step, seed, folder] = words.as_slice() else {
        bail!(
            "usage: seed-database MASTER_KEY_FILE COUNT MERCHANTS FIRST_MILLIS STEP_MILLIS SEED FOLDER; columns: {ROW}"
        )
    };
    let master = std::fs::read(master).with_context(|| format!("cannot read {master}"))?;
    let hasher = SecretHasher::new(&MasterKey::from_bytes(&master)?, SecretForm::Hmac);
    let (count, merchants): (u64, u64) = (count.parse()?, merchants.parse()?);
    let (first, step): (u64, u64) = (first.parse()?, step.parse()?);
    let random = Counted::from(seed.parse::<u64>()?.wrapping_mul(1 << 40));
    let create = |name: &str| anyhow::Ok(BufWriter::new(File::create(Path::new(folder).join(name))?));
    let (mut rows, mut values) = (create("keys.tsv")?, create("values.txt")?);
    for n in 0..count {
        let millis = first + n * step;
        let low = u128::from(random.next());
        let uuid = Uuid::from_u128(u128::from(millis) << 80 | 7 << 76 | (low & 0xfff) << 64 | 2 << 62 | low >> 2);
        let value = KeyValue::mint(KeyType::Secret, Environment::Sandbox, KeyId::from_uuid(uuid), random.bytes());
        let (digest, last_four) = (hasher.digest(&value, &[0; 16])?.encode(), value.last_four());
        let account = Uuid::from_u128(MERCHANT + u128::from(random.next() % merchants));
        writeln!(
            rows,
            "{uuid}\t{account}\tsecret\ttwenty characters ok\tcharges:read charges:write customers:read refunds:write\t\
             f\t{digest}\t{last_four}\t{CREATED_AT}\tactive"
        )?;
        writeln!(values, "{}", value.expose())?;
    }
    rows.flush()?;
    values.flush()?;
    Ok(())
}
