//! Runs the simulation within the time limit of ordinary tests. `cargo xtask simulate` runs more seeds.

use keyward_verifier::protocol::Rules;

use super::sim;

/// What must happen in these seeds; otherwise they prove little.
const EXERCISED: [&str; 18] = [
    "answers from memory",
    "calls that ended by time-out",
    "calls while a node joined",
    "calls while a node was cut off and partly returned",
    "calls with an unknown outcome (503)",
    "events pruned",
    "fault: reply lost, request executed",
    "fault: database crashed",
    "fault: database went back",
    "fault: node stalled for long",
    "fault: renewal delivered twice",
    "restricting changes answered 2xx, repeated",
    "reads refused because of later events (R4, R5, R6)",
    "reads without a lease",
    "joins that removed their earlier row",
    "renewals that saw an older head than at their commit",
    "rows reaped",
    "shared reads",
];

#[test]
fn no_fault_breaks_a_promise() {
    let sum = sim::run_all(0..300, Rules::ALL, false);
    println!("{} seeds", sum.seeds);
    for (what, times) in &sum.counts {
        println!("{times:>12}  {what}");
    }
    for (seed, (plan, breaches)) in &sum.broken {
        println!("seed {seed} ({plan}): {breaches:#?}");
    }
    assert!(sum.broken.is_empty(), "broken by the seeds {:?}", sum.broken.keys());
    for what in EXERCISED {
        assert!(sum.counts.get(what).is_some_and(|times| *times > 100), "too rare: {what}");
    }
    let calls = sum.counts.get("restricting changes begun").copied().unwrap_or_default();
    assert!(calls >= 200 * sum.seeds, "{calls} restricting changes");
}

#[test]
fn a_seed_produces_the_same_history_each_time() {
    for (seed, rules) in [(7, Rules::ALL), (8, Rules { fills_are_guarded: false, ..Rules::ALL })] {
        let (once, again) = (sim::run(seed, rules), sim::run(seed, rules));
        assert!(once.history == again.history, "seed {seed} produced another history");
        assert_eq!((once.counts, once.breaches), (again.counts, again.breaches), "seed {seed}");
        assert!(once.history != sim::run(seed + 100, rules).history);
    }
}

#[test]
fn every_rule_is_needed() {
    for mutant in sim::MUTANTS {
        let sum = sim::run_all(0..400, mutant.rules, true);
        let found = sum.broken.iter().find_map(|(seed, (_, breaches))| {
            breaches.iter().find(|breach| breach.starts_with("N:")).map(|breach| (seed, breach))
        });
        let (seed, breach) = found.unwrap_or_else(|| panic!("no seed breaks a promise without {}", mutant.name));
        println!("{}: seed {seed}: {breach}", mutant.name);
    }
}
