//! Who revokes: makes things that every node sees, and some time later revokes them at any node, one after another.
//!
//! Some are revoked in the moment after they were first seen, so that reads are under way; others lie in the memory of
//! every node for seconds, through whatever happens there in the meantime.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::making::{Account, or_over, pair_wish, unless_gone};
use crate::clock::Pace;
use crate::credentials::Shown;
use crate::desk::{Desk, Order};
use crate::history::{Change, Ending, Span, Thing};

/// So many lie in memory until their turn comes, for each who revokes.
const WAITING: usize = 4;

/// One of several who take turns.
pub(super) struct Turn {
    pub(super) number: u32,
    pub(super) each: Duration,
}

/// Something that is seen, and will be narrowed.
struct Doomed {
    fate: Fate,
    /// What all nodes are shown before.
    before: Vec<Shown>,
    /// What all nodes are shown once it is narrowed.
    after: Vec<Shown>,
}

/// What becomes of it.
enum Fate {
    Revoked { id: String, thing: Thing },
    Overwritten { account: Account, name: String, things: [Thing; 2] },
}

pub(super) fn work(mut desk: Desk<'_>, turn: &Turn, accounts: &[Account]) -> Result<()> {
    or_over(until_over(&mut desk, turn, accounts))
}

fn until_over(desk: &mut Desk<'_>, turn: &Turn, accounts: &[Account]) -> Result<()> {
    let clock = desk.run.clock;
    let revokers = desk.run.plan.load.revokers.max(1);
    let mut pace = Pace::new(turn.each, clock.now() + turn.each / revokers * turn.number);
    let mut waiting = Vec::new();
    while !desk.run.is_over() {
        pace.wait(clock);
        let account = &accounts[desk.rng.place(accounts.len())];
        let doomed = match desk.rng.below(100) {
            0..55 => a_key(desk, account),
            55..80 => a_key_of_a_pair(desk, account),
            _ => a_whole_pair(desk, account),
        };
        let Some(doomed) = unless_gone(doomed)? else { continue };
        desk.run.credentials.add(&doomed.before);
        warm(desk, &doomed.before);
        waiting.push(doomed);
        // The newest at once, or an old one as soon as enough of them wait.
        let newest = waiting.len() - 1;
        if desk.rng.percent(50) {
            narrow(desk, &waiting.swap_remove(newest))?;
        } else if waiting.len() > WAITING {
            let old = desk.rng.place(newest);
            narrow(desk, &waiting.swap_remove(old))?;
        }
    }
    Ok(())
}

fn a_key(desk: &mut Desk<'_>, account: &Account) -> Result<Doomed> {
    let key = desk.make_key(account)?;
    let fate = Fate::Revoked { id: key.id, thing: key.thing };
    // Twice, so that both ways to ask are likely.
    Ok(Doomed { fate, before: vec![key.shown.clone()], after: vec![key.shown.clone(), key.shown] })
}

/// With either key the tokens die.
fn a_key_of_a_pair(desk: &mut Desk<'_>, account: &Account) -> Result<Doomed> {
    let pair = desk.make_pair(account, "Pair")?;
    let tokens = desk.make_tokens(&pair)?;
    let key = if desk.rng.percent(50) { pair.public } else { pair.secret };
    let before = vec![key.shown, tokens.access, pair.both];
    let after = [before.as_slice(), &[tokens.refresh]].concat();
    Ok(Doomed { fate: Fate::Revoked { id: key.id, thing: key.thing }, before, after })
}

/// By a new one of the same name.
fn a_whole_pair(desk: &mut Desk<'_>, account: &Account) -> Result<Doomed> {
    // Nobody else's, or somebody else would overwrite it.
    let name = format!("Pair {:x}", desk.rng.draw());
    let pair = desk.make_pair(account, &name)?;
    let tokens = desk.make_tokens(&pair)?;
    let fate = Fate::Overwritten { account: account.clone(), name, things: pair.things() };
    let before = vec![pair.secret.shown, tokens.access];
    let after = [before.as_slice(), &[pair.public.shown, pair.both]].concat();
    Ok(Doomed { fate, before, after })
}

/// Has every node verify them, so that they are in memory there and many look at them; then waits a little.
pub(super) fn warm(desk: &mut Desk<'_>, shown: &[Shown]) {
    desk.run.credentials.attend(shown);
    desk.run.probes.everywhere(shown);
    thread::sleep(desk.rng.time(Duration::from_millis(1), Duration::from_millis(150)));
}

fn narrow(desk: &mut Desk<'_>, doomed: &Doomed) -> Result<()> {
    desk.run.credentials.attend(&doomed.before);
    match &doomed.fate {
        Fate::Revoked { id, thing } => revoke(desk, id, *thing, &doomed.after),
        Fate::Overwritten { account, name, things } => overwrite(desk, account, name, things, &doomed.after),
    }
}

/// Some by two clients at once, at different nodes: whoever is told first that it is done, it is.
fn revoke(desk: &mut Desk<'_>, id: &str, thing: Thing, shown: &[Shown]) -> Result<()> {
    let path = format!("/v1/api-keys/{id}");
    let request = desk.request("DELETE", &path, None);
    let order = Order { change: Change::Revoke, things: &[thing], request, shown };
    if desk.rng.percent(85) {
        return desk.insist(&order).map(drop);
    }
    let mut other = Desk::new(desk.run, desk.rng.stream(1));
    thread::scope(|scope| {
        let at_once = scope.spawn(|| other.insist(&order).map(drop));
        desk.insist(&order)?;
        at_once.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn overwrite(desk: &mut Desk<'_>, account: &Account, name: &str, things: &[Thing], shown: &[Shown]) -> Result<()> {
    let (path, wish) = pair_wish(account, name, true);
    let body = wish.to_string();
    let request = desk.request("POST", &path, Some(&body));
    let sent = desk.run.clock.now();
    let done = desk.insist(&Order { change: Change::Overwrite, things, request, shown })?;
    // A try that is in doubt may come late, and then overwrites the new pair too.
    if done.ending == Ending::Acknowledged && !done.in_doubt {
        let born = Span { sent, answered: desk.run.clock.now() };
        let new = desk.pair(account, &serde_json::from_slice(&done.body)?, born)?;
        desk.run.credentials.add(&[new.secret.shown, new.public.shown]);
    }
    Ok(())
}
