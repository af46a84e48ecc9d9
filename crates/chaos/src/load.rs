//! The load: clients that verify, revoke, suspend, resume and close, at the rate of the plan or of the nodes.
//!
//! An attack follows every change: as soon as it is acknowledged, every node verifies the restricted credentials.
//! Nothing here judges an answer.

mod making;
mod revoker;
mod suspender;

use std::thread::{Scope, ScopedJoinHandle};
use std::time::Duration;

use anyhow::Result;

use super::Run;
use super::client::Client;
use super::history::Span;
use keyward_testkit::clock::Pace;
use keyward_testkit::rng::Rng;
pub(super) use making::Account;

/// Lower streams of the generator belong to the faults and the preparation.
const FIRST_STREAM: u64 = 1_000;

/// Creates credentials that nothing ever restricts, before any fault.
///
/// # Errors
/// If the run ends first.
pub(super) fn make_evergreens(run: &Run, accounts: &[Account]) -> Result<()> {
    let mut client = Client::new(run, Rng::of_seed(run.plan.seed).stream(FIRST_STREAM - 1))?;
    for account in accounts {
        for _ in 0..3 {
            let key = client.make_key(account)?;
            run.credentials.add_evergreen(&[key.shown]);
        }
        let pair = client.make_pair(account, "evergreen")?;
        let tokens = client.make_tokens(&pair)?;
        run.credentials.add_evergreen(&[pair.public.shown, pair.secret.shown, tokens.access]);
    }
    Ok(())
}

/// Creates accounts that nothing ever restricts: a merchant of the platform, and one of a partner.
///
/// # Errors
/// If the run ends first.
pub(super) fn make_accounts(run: &Run) -> Result<Vec<Account>> {
    let mut client = Client::new(run, Rng::of_seed(run.plan.seed).stream(FIRST_STREAM - 2))?;
    let platform = Account::platform(run);
    let partner = platform.above(run, &run.world.partners[0], Span::BEFORE);
    Ok(vec![client.make_merchant(&platform)?, client.make_merchant(&partner)?])
}

/// Starts all workers. They end with the run.
///
/// # Errors
/// If a client cannot be set up.
pub(super) fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    run: &'scope Run,
    accounts: &'scope [Account],
) -> Result<Vec<ScopedJoinHandle<'scope, Result<()>>>> {
    let load = run.plan.load;
    let seed = Rng::of_seed(run.plan.seed);
    let mut streams = (FIRST_STREAM..).map(|number| seed.stream(number));
    let mut client = || Client::new(run, streams.next().unwrap_or(Rng::of_seed(0)));
    let mut workers = Vec::new();
    let nodes = run.world.nodes.len();
    let all = u32::try_from(nodes).unwrap_or(1);
    let each = interval(load.verifiers * all, load.verifications);
    for node in 0..nodes {
        for _ in 0..load.verifiers {
            let client = client()?;
            workers.push(scope.spawn(move || {
                verify(client, node, each);
                Ok(())
            }));
        }
        for _ in 0..load.probers {
            let client = client()?;
            workers.push(scope.spawn(move || {
                probe(client, node);
                Ok(())
            }));
        }
    }
    let each = interval(load.revokers, load.revocations);
    for number in 0..load.revokers {
        let (client, share) = (client()?, revoker::Share { number, each });
        workers.push(scope.spawn(move || run.or_end(revoker::work(client, &share, accounts))));
    }
    // Nothing restricts the first partner.
    let partners = run.world.partners.get(1..).unwrap_or_default();
    for number in 0..usize::try_from(load.suspenders).unwrap_or(1) {
        let client = client()?;
        let own = partners.iter().skip(number).step_by(usize::try_from(load.suspenders).unwrap_or(1));
        let own: Vec<&str> = own.map(String::as_str).collect();
        workers.push(scope.spawn(move || run.or_end(suspender::work(client, &own))));
    }
    Ok(workers)
}

/// The interval of each worker, for the total rate of all workers.
fn interval(of_them: u32, a_second: u32) -> Duration {
    Duration::from_secs(1) * of_them / a_second.max(1)
}

/// Verifies at its own pace, mostly credentials that are new or about to change.
fn verify(mut client: Client<'_>, node: usize, each: Duration) {
    let clock = client.run.clock;
    let first = clock.now() + each / 100 * u32::try_from(client.rng.below(100)).unwrap_or_default();
    let mut pace = Pace::new(each, first);
    while !client.run.is_over() {
        pace.wait(clock);
        if let Some(shown) = client.run.credentials.pick(&mut client.rng) {
            client.show(node, &shown);
        }
    }
}

/// Verifies the probes of a node without delay.
fn probe(mut client: Client<'_>, node: usize) {
    loop {
        match client.run.probes.next(node) {
            Some(shown) => client.show(node, &shown),
            None if client.run.is_over() => return,
            None => {}
        }
    }
}
