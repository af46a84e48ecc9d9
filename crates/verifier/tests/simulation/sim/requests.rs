//! Requests for verdicts, run step by step with other threads in between. Judges keys like the service, and logs the
//! answers.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use keyward_domain::KeyId;
use keyward_storage::StorageError;
use keyward_verifier::{Credential, Verifier, protocol::Step};

use super::{
    accounts::is_good,
    history::{Answer, Record},
    node::Node,
    ports::READS,
    world::World,
};

/// Sends a request to a node. It is refused if no process listens there.
pub(crate) fn verify(world: &Arc<World>, node: &Arc<Node>, key: KeyId) {
    let Some(alive) = node.alive() else { return };
    let (arrived, arrived_at) = (world.history().mark(), world.now());
    let (world, number, verifier) = (Arc::clone(world), node.number, Arc::clone(&alive.verifier));
    node.begin(&alive, "a request", async move {
        let answer = match ask(&world, &verifier, key).await {
            Ok(Some(credential)) if is_good(&credential) => Answer::Valid,
            Ok(Some(_)) => Answer::Restricted,
            Ok(None) => Answer::Unknown,
            Err(_) => Answer::Unavailable,
        };
        world.count(match answer {
            Answer::Valid => "requests answered valid",
            Answer::Restricted => "requests answered restricted",
            Answer::Unknown => "requests answered unknown",
            Answer::Unavailable => "requests answered unavailable",
        });
        let at = world.now();
        world.history().push(Record::Verified { at, arrived_at, arrived, node: number, key, answer });
    });
}

/// Looks up like the service: memory first, then the database.
async fn ask(world: &World, verifier: &Verifier, key: KeyId) -> Result<Option<Credential>, StorageError> {
    if world.draw(|rng| rng.per_mille(500))
        && let Some(found) = verifier.remembered(key)
    {
        world.count("answers from memory");
        return Ok(Some(found));
    }
    READS.scope(AtomicU64::new(0), step_by_step(world, verifier, key)).await
}

async fn step_by_step(world: &World, verifier: &Verifier, key: KeyId) -> Result<Option<Credential>, StorageError> {
    let reads = || READS.with(|reads| reads.load(Ordering::Relaxed));
    let mut lookup = verifier.begin_lookup(key);
    loop {
        another_thread(world).await;
        let (step, before) = (lookup.next(), reads());
        let went = verifier.step(&mut lookup).await?;
        match (step, lookup.next()) {
            (Step::Read, Step::CheckLease) if world.rules.lease_before_look_up => {
                world.count("reads refused because of later events (R4, R5, R6)");
            }
            (Step::Read, _) if reads() == before => world.count("shared reads"),
            (Step::Read, _) => world.count("own reads"),
            (Step::ReadAlone, _) => world.count("reads without a lease"),
            (Step::LookUp, Step::Answer) => world.count("answers from memory"),
            (Step::CheckLease | Step::LookUp | Step::Answer, _) => {}
        }
        if let ControlFlow::Break(answer) = went {
            return Ok(answer);
        }
    }
}

/// The thread may lose its processor between any two steps.
async fn another_thread(world: &World) {
    let away = world.draw(|rng| rng.per_mille(world.plan.preempted).then(|| rng.doubling(1, 6_000)));
    if let Some(away) = away.filter(|away| *away > Duration::ZERO) {
        world.count("fault: request preempted between two steps");
        world.pass(away).await;
    }
}
