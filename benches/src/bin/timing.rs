//! Measures whether the time of a refusal reveals its reason (T19): unknown, revoked, expired or a wrong secret.
//! Measures in the process, after the look-up of the row.
//!
//! `timing TIMES` judges `TIMES` values of each kind in a mixed order, and compares every two kinds by Welch's test.
//! Prints means and differences in nanoseconds, a line of JSON each. Omits the slowest hundredth of each kind, which
//! are interrupts.

use std::{hint::black_box, time::Instant};

use anyhow::{Result, bail, ensure};
use keyward_benches::Counted;
use keyward_domain::{
    AccountId, AuthFacts, AuthKey, Candidate, Chain, Context, Environment, KeyId, KeyType, KeyValue, Link, MasterKey,
    Material, Name, Now, PresentedValue, Requirements, Restrictions, Role, SecretForm, SecretHasher, Status, Timestamp,
    Verdict, judge,
};
use keyward_verifier::PackedKey;
use serde_json::json;
use uuid::Uuid;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A kind of refusal: the presented value, and the result of the look-up.
struct Kind {
    name: &'static str,
    presented: KeyValue,
    found: Option<PackedKey>,
}

/// Measurements of one kind, in nanoseconds.
struct Measured {
    name: &'static str,
    mean: f64,
    /// Of the mean.
    variance: f64,
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [times] = words.as_slice() else { bail!("usage: timing TIMES") };
    let times: usize = times.parse()?;
    let hasher = SecretHasher::new(&MasterKey::from_bytes(&[7; 32])?, SecretForm::Hmac);
    let kinds = kinds(&hasher)?;
    let mut taken: Vec<Vec<u64>> = kinds.iter().map(|_| Vec::with_capacity(times)).collect();
    let (chain, random) = (chain()?, Counted::default());
    while taken.iter().any(|taken| taken.len() < times) {
        let kind = usize::try_from(random.next() % 4)?;
        if taken[kind].len() < times {
            taken[kind].push(refuse(&kinds[kind], &chain, &hasher)?);
        }
    }
    let measured: Vec<Measured> = kinds.iter().zip(taken).map(|(kind, taken)| measure(kind.name, taken)).collect();
    for Measured { name, mean, .. } in &measured {
        println!("{}", json!({"kind": name, "mean": mean}));
    }
    let pairs =
        measured.iter().enumerate().flat_map(|(n, one)| measured[n + 1..].iter().map(move |other| (one, other)));
    for (one, other) in pairs {
        let difference = one.mean - other.mean;
        let error = (one.variance + other.variance).sqrt();
        let pair = format!("{} - {}", one.name, other.name);
        let (margin, t) = (1.96 * error, difference / error);
        println!("{}", json!({"pair": pair, "difference": difference, "margin": margin, "t": t}));
    }
    Ok(())
}

/// Time of one refusal in nanoseconds.
#[expect(clippy::disallowed_methods, reason = "a measurement; no decision depends on it")]
fn refuse(kind: &Kind, chain: &Chain, hasher: &SecretHasher) -> Result<u64> {
    let presented = PresentedValue::parse(kind.presented.expose(), Environment::Sandbox)?;
    let (found, requirements, context) =
        (black_box(kind.found.as_ref()), Requirements::default(), Context::at(Now::exact(moment()?)));
    let started = Instant::now();
    let proof = match found {
        Some(key) => key.view().prove(&presented, hasher)?,
        None => hasher.prove_absent(&presented),
    };
    let candidate = found.map(|key| Candidate { key: key.view(), chain, scopes: key.view().scopes, proof });
    let verdict = judge(Ok(candidate), None, &requirements, &context);
    let took = started.elapsed();
    ensure!(matches!(verdict, Verdict::Invalid { .. }), "{} is not refused", kind.name);
    Ok(u64::try_from(took.as_nanos())?)
}

fn kinds(hasher: &SecretHasher) -> Result<[Kind; 4]> {
    let (right, wrong) = (value(1, [1; 32]), value(1, [2; 32]));
    let key = |revoked, expires_at| {
        let facts = AuthFacts {
            id: id(1),
            account: account(1),
            key_type: KeyType::Secret,
            name: Name::parse("twenty characters ok")?,
            scopes: "charges:read charges:write customers:read refunds:write".parse()?,
            restrictions: Restrictions { expires_at, ..Restrictions::NONE },
            revoked,
            created_at: keyward_domain::Timestamp::UNIX_EPOCH,
            suspended: false,
            material: Material::Secret(hasher.digest(&right, &[0; 16])?),
        };
        anyhow::Ok(PackedKey::from(&AuthKey::restore(facts)?))
    };
    Ok([
        Kind { name: "unknown", presented: value(2, [1; 32]), found: None },
        Kind { name: "revoked", presented: value(1, [1; 32]), found: Some(key(true, None)?) },
        Kind { name: "expired", presented: value(1, [1; 32]), found: Some(key(false, Some(moment()?))?) },
        Kind { name: "wrong secret", presented: wrong, found: Some(key(false, None)?) },
    ])
}

fn value(n: u128, random: [u8; 32]) -> KeyValue {
    KeyValue::mint(KeyType::Secret, Environment::Sandbox, id(n), random)
}

fn id(n: u128) -> KeyId {
    KeyId::from_uuid(Uuid::from_u128(0x019a_0000_0000_7000_8000_0000_0000_0000 + n))
}

fn account(n: u128) -> AccountId {
    AccountId::from_uuid(Uuid::from_u128(0x019a_0000_0000_7000_9000_0000_0000_0000 + n))
}

fn chain() -> Result<Chain> {
    let link = |n, mid: &str, role| {
        anyhow::Ok(Link { id: account(n), mid: mid.parse()?, role, status: Status::Active, policy: None })
    };
    let above = vec![link(2, "partner", Role::Partner)?, link(3, "platform", Role::Platform)?];
    Ok(Chain::new(link(1, "merchant", Role::Merchant)?, above)?)
}

fn moment() -> Result<Timestamp> {
    Ok(Timestamp::from_micros(1_795_435_200_000_000)?)
}

#[expect(clippy::cast_precision_loss, reason = "counts and nanoseconds far below 2^53")]
fn measure(name: &'static str, mut taken: Vec<u64>) -> Measured {
    taken.sort_unstable();
    taken.truncate(taken.len() - taken.len() / 100);
    let count = taken.len() as f64;
    let mean = taken.iter().map(|nanos| *nanos as f64).sum::<f64>() / count;
    let spread = taken.iter().map(|nanos| (*nanos as f64 - mean).powi(2)).sum::<f64>() / (count - 1.0);
    Measured { name, mean, variance: spread / count }
}
