//! Measures the size of a cached key in bytes: fills the product's own cache and reads the memory of the process.
//!
//! `cached-keys KEYS PER_ACCOUNT CAPACITY` passes `KEYS` keys through a cache of `CAPACITY` bytes. The keys have a name
//! of 20 characters, four scopes and an HMAC digest. Their accounts are merchants below a partner and the platform.
//! Prints the bytes per key as JSON, measured by the kernel and by the cache, and the number of keys in the cache at
//! the end.

use anyhow::{Context as _, Result, bail, ensure};
use keyward_benches::Counted;
use keyward_domain::{
    AccountId, AuthFacts, AuthKey, Chain, KeyId, KeyType, Link, Material, Name, Restrictions, Role, SecretDigest,
    Status,
};
use keyward_storage::{Read, Seq, Snapshot};
use keyward_testkit::rng::nth;
use keyward_verifier::{
    Cache, Credential, Std,
    protocol::{Generation, Rules},
};
use serde_json::json;
use uuid::Uuid;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [keys, per_account, capacity] = words.as_slice() else { bail!("usage: cached-keys KEYS PER_ACCOUNT CAPACITY") };
    let (keys, per_account): (u32, u32) = (keys.parse()?, per_account.parse()?);
    // The size of an empty cache counts.
    let before = resident_bytes()?;
    let cache = Cache::<Std>::new(Rules::ALL, capacity.parse()?);
    let as_of = Snapshot::embedded(Seq::ZERO);
    cache.open(Generation::FIRST.next(), as_of);
    let random = Counted::default();
    for n in 0..keys {
        let read = Read { value: credential(n, per_account, &random)?, as_of };
        ensure!(cache.keep(cache.begin_read(read.value.key.id()), &read), "a key was not kept");
    }
    let (after, size) = (resident_bytes()?, cache.size());
    let grown = after.saturating_sub(before);
    let (resident, counted) = (grown / size.keys.max(1), size.bytes / size.keys.max(1));
    println!("{}", json!({"keys": size.keys, "resident": resident, "counted": counted, "grown": grown}));
    Ok(())
}

/// A key as read from the database: every read allocates its own texts and accounts.
fn credential(n: u32, per_account: u32, random: &Counted) -> Result<Credential> {
    let (merchant, digest) = (u64::from(n / per_account.max(1)), mac(random));
    let facts = AuthFacts {
        id: KeyId::from_uuid(id(1_795_435_200_000 + u64::from(n), random.next())),
        account: account(merchant),
        key_type: KeyType::Secret,
        name: Name::parse("twenty characters ok")?,
        scopes: "charges:read charges:write customers:read refunds:write".parse()?,
        restrictions: Restrictions::NONE,
        revoked: false,
        created_at: keyward_domain::Timestamp::UNIX_EPOCH,
        suspended: false,
        material: Material::Secret(SecretDigest::decode(&digest)?),
    };
    let above = vec![link(u64::MAX - 1, Role::Partner)?, link(u64::MAX, Role::Platform)?];
    let chain = Chain::new(link(merchant, Role::Merchant)?, above)?;
    Ok(keyward_storage::Credential { key: AuthKey::restore(facts)?, chain }.into())
}

fn link(n: u64, role: Role) -> Result<Link> {
    // As long as a generated mid.
    let mid = format!("mid_{n:026}").parse()?;
    Ok(Link { id: account(n), mid, role, status: Status::Active, policy: None })
}

fn account(n: u64) -> AccountId {
    AccountId::from_uuid(id(1_790_000_000_000, nth(n)))
}

/// A UUID of version 7.
fn id(millis: u64, random: u64) -> Uuid {
    Uuid::from_u128(u128::from(millis) << 80 | 7 << 76 | 2 << 62 | u128::from(random) >> 2)
}

/// A digest as in a row.
fn mac(random: &Counted) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |byte: &u8| char::from(DIGITS[usize::from(byte % 64)]);
    // 43 digits hold 258 bits, so only the upper four bits of the last digit count.
    let digits: String = random.bytes::<42>().iter().map(digit).collect();
    format!("$hmac-sha256$v=1${digits}A")
}

fn resident_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.split_whitespace().next().context("no figure")?.parse()?;
    Ok(kib * 1024)
}
