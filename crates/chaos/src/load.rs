//! The load: clients who verify, revoke, suspend, resume and close, each as fast as its plan says or the nodes let it.
//!
//! Every change is followed by an attack: in the moment it is acknowledged, what it narrowed is verified at every node
//! at once. Nobody here judges an answer.

mod making;
mod revoker;
mod suspender;

use std::thread::{Scope, ScopedJoinHandle};
use std::time::Duration;

use anyhow::Result;

use super::Run;
use super::clock::Pace;
use super::desk::Desk;
use super::history::Span;
use super::rng::Rng;
pub(super) use making::Account;

/// Chance of the faults, and of the setting up.
const FIRST_STREAM: u64 = 1_000;

/// Makes what nothing will ever narrow; before any fault.
///
/// # Errors
/// When the run is over before it is made.
pub(super) fn plant(run: &Run, accounts: &[Account]) -> Result<()> {
    let mut desk = Desk::new(run, Rng::of_seed(run.plan.seed).stream(FIRST_STREAM - 1));
    for account in accounts {
        for _ in 0..3 {
            let key = desk.make_key(account)?;
            run.credentials.add_evergreen(&[key.shown]);
        }
        let pair = desk.make_pair(account, "evergreen")?;
        let tokens = desk.make_tokens(&pair)?;
        run.credentials.add_evergreen(&[pair.public.shown, pair.secret.shown, tokens.access]);
    }
    Ok(())
}

/// Accounts that nothing ever narrows: a merchant of the platform, and one of a partner.
///
/// # Errors
/// When the run is over before they are made.
pub(super) fn settle(run: &Run) -> Result<Vec<Account>> {
    let mut desk = Desk::new(run, Rng::of_seed(run.plan.seed).stream(FIRST_STREAM - 2));
    let platform = Account::platform(run);
    let partner = platform.above(run, &run.world.partners[0], Span::BEFORE);
    Ok(vec![desk.make_merchant(&platform)?, desk.make_merchant(&partner)?])
}

/// Starts everybody. They end when the run is over.
pub(super) fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    run: &'scope Run,
    accounts: &'scope [Account],
) -> Vec<ScopedJoinHandle<'scope, Result<()>>> {
    let load = run.plan.load;
    let seed = Rng::of_seed(run.plan.seed);
    let mut streams = (FIRST_STREAM..).map(|number| seed.stream(number));
    let mut desk = || Desk::new(run, streams.next().unwrap_or(Rng::of_seed(0)));
    let mut everybody = Vec::new();
    let nodes = run.world.nodes.len();
    let all = u32::try_from(nodes).unwrap_or(1);
    let each = interval(load.verifiers * all, load.verifications);
    for node in 0..nodes {
        for _ in 0..load.verifiers {
            let desk = desk();
            everybody.push(scope.spawn(move || {
                verify(desk, node, each);
                Ok(())
            }));
        }
        for _ in 0..load.probers {
            let desk = desk();
            everybody.push(scope.spawn(move || {
                probe(desk, node);
                Ok(())
            }));
        }
    }
    let each = interval(load.revokers, load.revocations);
    for number in 0..load.revokers {
        let (desk, turn) = (desk(), revoker::Turn { number, each });
        everybody.push(scope.spawn(move || run.or_end(revoker::work(desk, &turn, accounts))));
    }
    // The first partner is the one that nothing narrows.
    let partners = run.world.partners.get(1..).unwrap_or_default();
    for number in 0..usize::try_from(load.suspenders).unwrap_or(1) {
        let desk = desk();
        let mine = partners.iter().skip(number).step_by(usize::try_from(load.suspenders).unwrap_or(1));
        let mine: Vec<&str> = mine.map(String::as_str).collect();
        everybody.push(scope.spawn(move || run.or_end(suspender::work(desk, &mine))));
    }
    everybody
}

/// How long each of them waits, so that all of them together do it so often a second.
fn interval(of_them: u32, a_second: u32) -> Duration {
    Duration::from_secs(1) * of_them / a_second.max(1)
}

/// Verifies at its own pace, mostly what deserves attention.
fn verify(mut desk: Desk<'_>, node: usize, each: Duration) {
    let clock = desk.run.clock;
    let first = clock.now() + each / 100 * u32::try_from(desk.rng.below(100)).unwrap_or_default();
    let mut pace = Pace::new(each, first);
    while !desk.run.is_over() {
        pace.wait(clock);
        if let Some(shown) = desk.run.credentials.pick(&mut desk.rng) {
            desk.show(node, &shown);
        }
    }
}

/// Verifies what is handed to it, at once.
fn probe(mut desk: Desk<'_>, node: usize) {
    loop {
        match desk.run.probes.next(node) {
            Some(shown) => desk.show(node, &shown),
            None if desk.run.is_over() => return,
            None => {}
        }
    }
}
