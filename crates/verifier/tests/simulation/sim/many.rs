//! Runs many seeds, with one thread per core. A seed's result does not depend on its thread.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use keyward_verifier::protocol::Rules;

use super::{Counts, run, world::lock};

/// The results of many seeds.
#[derive(Default)]
pub(crate) struct Sum {
    pub(crate) seeds: u64,
    pub(crate) counts: Counts,
    /// By seed: its plan and its broken promises.
    pub(crate) broken: BTreeMap<u64, (String, Vec<String>)>,
}

/// Runs these seeds: all, or only up to the first that breaks N.
pub(crate) fn run_all(seeds: Range<u64>, rules: Rules, until_broken: bool) -> Sum {
    let (next, stop, sum) = (AtomicU64::new(seeds.start), AtomicBool::new(false), Mutex::new(Sum::default()));
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    let outcome = run(seed, rules);
                    let mut sum = lock(&sum);
                    sum.seeds += 1;
                    for (what, times) in outcome.counts {
                        *sum.counts.entry(what).or_default() += times;
                    }
                    if !outcome.breaches.is_empty() {
                        let found = outcome.breaches.iter().any(|breach| breach.starts_with("N:"));
                        stop.fetch_or(until_broken && found, Ordering::Relaxed);
                        sum.broken.insert(seed, (outcome.plan, outcome.breaches));
                    }
                }
            });
        }
    });
    sum.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}
