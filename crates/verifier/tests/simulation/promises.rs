//! Runs the simulation within the time limit of ordinary tests. `cargo xtask simulate` runs more seeds.

use keyward_verifier::protocol::Rules;

use super::sim;

/// What must happen in these seeds; otherwise they prove little.
const EXERCISED: [&str; 18] = [
    "answers from memory",
    "calls that ended by time-out",
    "calls that met a node that joined",
    "calls while a node was away that came back by halves",
    "calls with an unknown outcome (503)",
    "events pruned",
    "fault: answer lost, though carried out",
    "fault: database crashed",
    "fault: database went back",
    "fault: node stands still for long",
    "fault: renewal delivered twice",
    "narrowing calls answered 2xx, repeated",
    "reads refused for what came in between (R4, R5, R6)",
    "reads without a lease",
    "rejoins that took their old row away",
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
    let calls = sum.counts.get("narrowing calls begun").copied().unwrap_or_default();
    assert!(calls >= 200 * sum.seeds, "{calls} narrowing calls");
}

#[test]
fn a_seed_produces_the_same_history_each_time() {
    for (seed, rules) in [(7, Rules::ALL), (8, Rules { fills_are_guarded: false, ..Rules::ALL })] {
        let (once, again) = (sim::run(seed, rules), sim::run(seed, rules));
        assert!(once.history == again.history, "seed {seed} went another way");
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
        let (seed, breach) = found.unwrap_or_else(|| panic!("nobody misses {}", mutant.name));
        println!("{}: seed {seed}: {breach}", mutant.name);
    }
}
