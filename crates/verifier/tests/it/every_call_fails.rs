//! A fault at every call of every port, one at a time (T6): errors, silence, and a dropped caller, before and after the
//! call takes effect. No fault becomes a verdict, no answer is lost, everything ends.

use keyward_domain::Status;
use tokio::runtime::Builder;

use crate::{
    fixture::{Actor, Fault, Fixture, Script, TERMS, id, merchant},
    shared::{database::Change, history::Answer, rng::Rng},
};

const FAULTS: [Fault; 6] =
    [Fault::Error, Fault::ErrorAfter, Fault::Silence, Fault::SilenceAfter, Fault::Cancel, Fault::CancelAfter];

/// Runs joins, reads, shared reads, revocations with their barrier, renewals, another join and a leave, with these
/// faults. Returns the number of calls.
async fn scenario(faults: &[(u64, Fault)]) -> u64 {
    let (fixture, script) = (Fixture::with_keys(8), Script::new(faults));
    let (one, two) = (fixture.node(), fixture.node());
    let nodes = [&one, &two];
    for node in nodes {
        node.ports.follow(&script);
        node.verifier.start().await.expect("a member starts");
    }
    fixture.pass_millis(100).await;
    look(&fixture, &script, &nodes, &[0, 1, 2, 3, 4, 5, 6]).await;
    script
        .step(async { tokio::join!(fixture.verify(&one, 7), fixture.verify(&one, 7), fixture.verify(&one, 7)) })
        .await;

    let mut done = Vec::new();
    let mut change = async |on: &Actor, change| {
        // A client without an answer, or with an error, retries once.
        for _ in 0..2 {
            if let Some(Ok(Ok(()))) = script.step(fixture.call(on, change)).await {
                done.push(change);
                break;
            }
        }
        look(&fixture, &script, &nodes, &[0, 1, 2, 3, 4, 5, 6]).await;
    };
    change(&one, Change::Revoke(id(0))).await;
    fixture.pass(TERMS.renew_every).await;
    two.ports.withhold_hints(true);
    change(&one, Change::Revoke(id(1))).await;
    two.ports.withhold_hints(false);
    two.machine.step_wall(1_000_000);
    change(&one, Change::Revoke(id(2))).await;
    fixture.pass(TERMS.renew_every).await;
    change(&two, Change::Status(merchant(), Status::Suspended)).await;
    change(&one, Change::Status(merchant(), Status::Active)).await;
    two.verifier.leave().await;
    change(&one, Change::Revoke(id(3))).await;
    let made = script.made();

    for change in done {
        let verified = |number| fixture.verify(&one, number);
        match change {
            Change::Revoke(key) => {
                let number = (0..8).find(|number| id(*number) == key).expect("it is one of them");
                assert_eq!(verified(number).await, Answer::Restricted, "a lost 2xx: {faults:?}");
            }
            Change::Status(..) => {}
        }
    }
    fixture.pass(TERMS.ttl * 5).await;
    assert!(one.verifier.may_answer_from_memory(), "{faults:?}");
    assert_eq!(fixture.verify(&one, 6).await, Answer::Valid, "{faults:?}");
    assert_eq!(fixture.breaches(), [""; 0], "{faults:?}");
    for node in nodes {
        node.end().await;
    }
    // The very last call may be one that fails.
    assert!(fixture.database.rows() == 0 || faults.len() > 1, "{faults:?}");
    made
}

async fn look(fixture: &Fixture, script: &Script, nodes: &[&Actor], keys: &[u64]) {
    for node in nodes {
        for key in keys {
            // Dropped, or an error: the log has the answers, and is judged at the end.
            let _ = script.step(fixture.verify(node, *key)).await;
        }
    }
}

fn run(faults: &[(u64, Fault)]) -> u64 {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(scenario(faults))
}

#[test]
fn no_fault_of_a_port_becomes_a_verdict_and_no_answer_is_lost() {
    let calls = run(&[]);
    assert!(calls > 100, "{calls}");
    for at in 0..calls {
        for fault in FAULTS {
            run(&[(at, fault)]);
        }
    }
    println!("{calls} calls x {} faults", FAULTS.len());
}

#[test]
fn no_two_faults_do_either() {
    let (calls, mut rng) = (run(&[]), Rng::of_seed(6));
    for _ in 0..1_500 {
        let faults = [(); 2].map(|()| (rng.below(calls), *rng.one_of(&FAULTS).expect("there are some")));
        run(&faults);
    }
}
