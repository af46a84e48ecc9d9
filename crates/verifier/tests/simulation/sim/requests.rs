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
use keyward_storage::{Credential, StorageError};
use keyward_verifier::{Verifier, protocol::Step};

use super::{
    accounts::is_good,
    history::{Record, Told},
    node::Node,
    ports::ASKED,
    world::World,
};

/// Sends a request to a node. It is refused if no process listens there.
pub(crate) fn verify(world: &Arc<World>, node: &Arc<Node>, key: KeyId) {
    let Some(alive) = node.alive() else { return };
    let (arrived, arrived_at) = (world.history().mark(), world.now());
    let (world, number, verifier) = (Arc::clone(world), node.number, Arc::clone(&alive.verifier));
    node.begin(&alive, "a request", async move {
        let told = match ask(&world, &verifier, key).await {
            Ok(Some(credential)) if is_good(&credential) => Told::Valid,
            Ok(Some(_)) => Told::Narrowed,
            Ok(None) => Told::Unknown,
            Err(_) => Told::Unavailable,
        };
        world.count(match told {
            Told::Valid => "requests told valid",
            Told::Narrowed => "requests told narrowed",
            Told::Unknown => "requests told unknown",
            Told::Unavailable => "requests told unavailable",
        });
        let at = world.now();
        world.history().push(Record::Verified { at, arrived_at, arrived, node: number, key, told });
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
    ASKED.scope(AtomicU64::new(0), step_by_step(world, verifier, key)).await
}

async fn step_by_step(world: &World, verifier: &Verifier, key: KeyId) -> Result<Option<Credential>, StorageError> {
    let asked = || ASKED.with(|asked| asked.load(Ordering::Relaxed));
    let mut asking = verifier.ask(key);
    loop {
        another_thread(world).await;
        let (step, before) = (asking.next(), asked());
        let went = verifier.step(&mut asking).await?;
        match (step, asking.next()) {
            (Step::Read, Step::CheckLease) if world.rules.lease_before_look_up => {
                world.count("reads refused for what came in between (R4, R5, R6)");
            }
            (Step::Read, _) if asked() == before => world.count("shared reads"),
            (Step::Read, _) => world.count("reads of one's own"),
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
