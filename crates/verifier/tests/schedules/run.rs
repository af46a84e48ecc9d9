//! Runs one schedule of a scenario, and many of them.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use keyward_storage::Seq;
use keyward_verifier::protocol::Rules;
use shuttle::{Config, Runner, thread};

use crate::{
    content::{Key, Restriction},
    process::{Control, LEASE, Process},
    scheduler::UnevenScheduler,
};

/// The seed of all schedules.
const SEED: u64 = 3;
/// Number of reads by a thread during a scenario.
const FILLS: u32 = 3;

/// What the thread that holds the lease does during the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meanwhile {
    /// It catches up and acknowledges.
    CatchesUp,
    /// It leaves, and joins with another node id; then it catches up.
    JoinsAgain,
    /// The same, but its row is removed before its memory is closed, which is wrong.
    LosesItsRowFirst,
    /// It catches up; the revoker does not check this, and outlives its lease.
    IsOutlived,
}

/// The scenario to try in many schedules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) rules: Rules,
    pub(crate) restriction: Restriction,
    pub(crate) meanwhile: Meanwhile,
}

impl Scenario {
    /// Tries this many schedules, always the same ones. Returns the number of the first in which a request accepts,
    /// from 1, and stops there.
    pub(crate) fn first_breach(self, schedules: usize) -> Option<usize> {
        let tried = Arc::new(AtomicUsize::new(0));
        let first = Arc::new(OnceLock::new());
        let breach = Arc::clone(&first);
        let mut config = Config::default();
        config.silence_warnings = true; // of atomics: main.rs lists what is not tried
        Runner::new(UnevenScheduler::new(SEED, schedules), config).run(move || {
            if breach.get().is_none() {
                let number = tried.fetch_add(1, Ordering::Relaxed) + 1;
                if self.some_request_accepts() {
                    breach.get_or_init(|| number);
                }
            }
        });
        first.get().copied()
    }

    /// Runs one schedule. Returns whether a request that arrives after the answer gets "valid" for a changed key.
    fn some_request_accepts(self) -> bool {
        let process = Arc::new(Process::new(self.rules));
        let mut control = Control::joined(&process);
        for key in self.restriction.keys() {
            process.fill(*key);
        }
        let fillers = [Key::First, Key::Last].map(|key| {
            let process = Arc::clone(&process);
            thread::spawn(move || {
                for _ in 0..FILLS {
                    process.fill(key);
                }
            })
        });
        let keeper = {
            let process = Arc::clone(&process);
            thread::spawn(move || {
                match self.meanwhile {
                    Meanwhile::CatchesUp | Meanwhile::IsOutlived => {}
                    Meanwhile::JoinsAgain => {
                        control.end(&process);
                        control.join(&process);
                    }
                    Meanwhile::LosesItsRowFirst => {
                        process.database.remove_row();
                        control.end(&process);
                        control.join(&process);
                    }
                }
                while control.applied() == Seq::ZERO {
                    control.catch_up(&process);
                    thread::yield_now();
                }
            })
        };
        let accepted = self.change_and_verify(&process);
        keeper.join().unwrap();
        for filler in fillers {
            filler.join().unwrap();
        }
        accepted
    }

    /// Makes the change, waits until it may be answered, then verifies every changed key from two threads.
    fn change_and_verify(self, process: &Arc<Process>) -> bool {
        let seq = process.database.restrict(self.restriction);
        // Listed after the commit (R8).
        let listed = process.database.member();
        if self.meanwhile == Meanwhile::IsOutlived {
            for _ in 0..LEASE.as_nanos() {
                process.tick();
                thread::yield_now();
            }
        } else {
            while !listed.is_none_or(|name| process.database.is_acknowledged(name, seq)) {
                thread::yield_now();
            }
        }
        let keys = self.restriction.keys();
        let ask = move |process: &Process| {
            let mut keys = keys.iter().chain(keys);
            keys.any(|key| process.ask(*key) == Some(true))
        };
        let shared = Arc::clone(process);
        let other = thread::spawn(move || ask(&shared));
        let accepted = ask(process);
        other.join().unwrap() || accepted
    }
}
