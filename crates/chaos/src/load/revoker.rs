//! Workers that revoke: each creates keys and pairs, has every node verify them, and revokes them one by one at any
//! node.
//!
//! Some are revoked right after their first verification, so that reads are pending. Others stay in the memory of every
//! node for seconds, during faults.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::making::{Account, or_over, pair_body, unless_gone};
use crate::client::{Client, Order};
use crate::credentials::Shown;
use crate::history::{Change, Ending, Span, Thing};
use keyward_testkit::clock::Pace;

/// Maximum number of keys and pairs of each worker that wait for their revocation.
const WAITING: usize = 4;

/// The share of one worker in the revocations, which are spread evenly over time.
pub(super) struct Share {
    pub(super) number: u32,
    pub(super) each: Duration,
}

/// A key or a pair that every node has verified, and that will be restricted.
struct Doomed {
    fate: Fate,
    /// Credentials that all nodes verify before the restriction.
    before: Vec<Shown>,
    /// Credentials that all nodes verify after the restriction.
    after: Vec<Shown>,
}

/// How it will be restricted.
enum Fate {
    Revoked { id: String, thing: Thing },
    Overwritten { account: Account, name: String, things: [Thing; 2] },
}

pub(super) fn work(mut client: Client<'_>, share: &Share, accounts: &[Account]) -> Result<()> {
    or_over(until_over(&mut client, share, accounts))
}

fn until_over(client: &mut Client<'_>, share: &Share, accounts: &[Account]) -> Result<()> {
    let clock = client.run.clock;
    let revokers = client.run.plan.load.revokers.max(1);
    let mut pace = Pace::new(share.each, clock.now() + share.each / revokers * share.number);
    let mut waiting = Vec::new();
    while !client.run.is_over() {
        pace.wait(clock);
        let account = &accounts[client.rng.place(accounts.len())];
        let doomed = match client.rng.below(100) {
            0..55 => a_key(client, account),
            55..80 => a_key_of_a_pair(client, account),
            _ => a_whole_pair(client, account),
        };
        let Some(doomed) = unless_gone(doomed)? else { continue };
        client.run.credentials.add(&doomed.before);
        warm(client, &doomed.before);
        waiting.push(doomed);
        // The newest immediately, or an old one as soon as enough wait.
        let newest = waiting.len() - 1;
        if client.rng.percent(50) {
            restrict(client, &waiting.swap_remove(newest))?;
        } else if waiting.len() > WAITING {
            let old = client.rng.place(newest);
            restrict(client, &waiting.swap_remove(old))?;
        }
    }
    Ok(())
}

fn a_key(client: &mut Client<'_>, account: &Account) -> Result<Doomed> {
    let key = client.make_key(account)?;
    let fate = Fate::Revoked { id: key.id, thing: key.thing };
    // Twice, so that both kinds of request are likely.
    Ok(Doomed { fate, before: vec![key.shown.clone()], after: vec![key.shown.clone(), key.shown] })
}

/// The tokens end with either key.
fn a_key_of_a_pair(client: &mut Client<'_>, account: &Account) -> Result<Doomed> {
    let pair = client.make_pair(account, "Pair")?;
    let tokens = client.make_tokens(&pair)?;
    let key = if client.rng.percent(50) { pair.public } else { pair.secret };
    let before = vec![key.shown, tokens.access, pair.both];
    let after = [before.as_slice(), &[tokens.refresh]].concat();
    Ok(Doomed { fate: Fate::Revoked { id: key.id, thing: key.thing }, before, after })
}

/// A new pair of the same name overwrites it.
fn a_whole_pair(client: &mut Client<'_>, account: &Account) -> Result<Doomed> {
    // A unique name: otherwise another worker would overwrite it.
    let name = format!("Pair {:x}", client.rng.draw());
    let pair = client.make_pair(account, &name)?;
    let tokens = client.make_tokens(&pair)?;
    let fate = Fate::Overwritten { account: account.clone(), name, things: pair.things() };
    let before = vec![pair.secret.shown, tokens.access];
    let after = [before.as_slice(), &[pair.public.shown, pair.both]].concat();
    Ok(Doomed { fate, before, after })
}

/// Has every node verify these, so that they are in its memory. Then waits briefly.
pub(super) fn warm(client: &mut Client<'_>, shown: &[Shown]) {
    client.run.credentials.attend(shown);
    client.run.probes.everywhere(shown);
    thread::sleep(client.rng.doubling(1, 150));
}

fn restrict(client: &mut Client<'_>, doomed: &Doomed) -> Result<()> {
    client.run.credentials.attend(&doomed.before);
    match &doomed.fate {
        Fate::Revoked { id, thing } => revoke(client, id, *thing, &doomed.after),
        Fate::Overwritten { account, name, things } => overwrite(client, account, name, things, &doomed.after),
    }
}

/// Sometimes two clients revoke concurrently at different nodes; the first acknowledgement counts.
fn revoke(client: &mut Client<'_>, id: &str, thing: Thing, shown: &[Shown]) -> Result<()> {
    let path = format!("/v1/api-keys/{id}");
    let request = client.request("DELETE", &path, None);
    let order = Order { change: Change::Revoke, things: &[thing], request, shown };
    if client.rng.percent(85) {
        return client.complete(&order).map(drop);
    }
    let mut other = Client::new(client.run, client.rng.stream(1))?;
    thread::scope(|scope| {
        let concurrent = scope.spawn(|| other.complete(&order).map(drop));
        client.complete(&order)?;
        concurrent.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn overwrite(client: &mut Client<'_>, account: &Account, name: &str, things: &[Thing], shown: &[Shown]) -> Result<()> {
    let (path, body) = pair_body(account, name, true);
    let body = body.to_string();
    let request = client.request("POST", &path, Some(&body));
    let sent = client.run.clock.now();
    let done = client.complete(&Order { change: Change::Overwrite, things, request, shown })?;
    // An attempt with an unknown outcome may take effect late, and then overwrites the new pair too.
    if done.ending == Ending::Acknowledged && !done.in_doubt {
        let born = Span { sent, answered: client.run.clock.now() };
        let new = client.pair(account, &serde_json::from_str(&done.body)?, born)?;
        client.run.credentials.add(&[new.secret.shown, new.public.shown]);
    }
    Ok(())
}
