//! One schedule of one scene, and many of them.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use keyward_storage::Seq;
use keyward_verifier::protocol::Rules;
use shuttle::{Config, Runner, thread};

use crate::{
    content::{Key, Narrowing},
    process::{Control, LEASE, Process},
    scheduler::UnevenScheduler,
};

/// Of all schedules.
const SEED: u64 = 3;
/// How often a thread reads a key while something happens.
const FILLS: u32 = 3;

/// What the thread that holds the lease does while something is narrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meanwhile {
    /// It catches up and acknowledges.
    CatchesUp,
    /// It is a member no more, and joins under another name; then it catches up.
    JoinsAnew,
    /// The same, but its row goes before its memory is closed: what must not be.
    LosesItsRowFirst,
    /// It catches up; the one who narrows does not look for that, and outlives its lease.
    IsOutlived,
}

/// What many schedules are tried of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene {
    pub(crate) rules: Rules,
    pub(crate) narrowing: Narrowing,
    pub(crate) meanwhile: Meanwhile,
}

impl Scene {
    /// Tries so many schedules, always the same ones. The number of the first in which somebody accepts, from 1; the rest is
    /// not tried then.
    pub(crate) fn first_breach(self, schedules: usize) -> Option<usize> {
        let tried = Arc::new(AtomicUsize::new(0));
        let first = Arc::new(OnceLock::new());
        let breach = Arc::clone(&first);
        let mut config = Config::default();
        config.silence_warnings = true; // of atomics: main.rs says what is not tried
        Runner::new(UnevenScheduler::new(SEED, schedules), config).run(move || {
            if breach.get().is_none() {
                let number = tried.fetch_add(1, Ordering::Relaxed) + 1;
                if self.somebody_accepts() {
                    breach.get_or_init(|| number);
                }
            }
        });
        first.get().copied()
    }

    /// One schedule: whether a request that arrives after the answer is told that a narrowed key is valid.
    fn somebody_accepts(self) -> bool {
        let process = Arc::new(Process::new(self.rules));
        let mut control = Control::joined(&process);
        for key in self.narrowing.keys() {
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
                    Meanwhile::JoinsAnew => {
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
        let accepted = self.narrow_and_ask(&process);
        keeper.join().unwrap();
        for filler in fillers {
            filler.join().unwrap();
        }
        accepted
    }

    /// Narrows, waits until that may be answered, then asks for every key that is narrowed, from two threads.
    fn narrow_and_ask(self, process: &Arc<Process>) -> bool {
        let seq = process.database.narrow(self.narrowing);
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
        let keys = self.narrowing.keys();
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
