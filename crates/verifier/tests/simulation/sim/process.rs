//! One process: tasks that can be stopped while time passes (as by SIGSTOP), or killed (as by SIGKILL). Also the clocks
//! of its machine. Knows nothing of what the tasks do.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use keyward_domain::Timestamp;
use keyward_verifier::{Clock, Tasks, protocol::BootInstant};

use super::world::{World, lock};

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

enum Run {
    Running,
    /// Tasks that would have been polled.
    Paused(Vec<Waker>),
    Dead,
}

/// One process.
pub(crate) struct Process {
    world: Arc<World>,
    run: Arc<Mutex<Run>>,
}

impl Process {
    pub(crate) fn start(world: &Arc<World>) -> Arc<Self> {
        Arc::new(Self { world: Arc::clone(world), run: Arc::new(Mutex::new(Run::Running)) })
    }

    /// Stops all tasks until resumed.
    pub(crate) fn pause(&self) {
        let mut run = lock(&self.run);
        if matches!(*run, Run::Running) {
            *run = Run::Paused(Vec::new());
        }
    }

    /// Resumes all tasks: everything that came due in between is due now.
    pub(crate) fn resume(&self) {
        let mut run = lock(&self.run);
        if let Run::Paused(wakers) = &mut *run {
            let wakers = std::mem::take(wakers);
            *run = Run::Running;
            drop(run);
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    /// Stops all tasks for ever.
    pub(crate) fn kill(&self) {
        let before = std::mem::replace(&mut *lock(&self.run), Run::Dead);
        if let Run::Paused(wakers) = before {
            wakers.into_iter().for_each(Waker::wake);
        }
    }
}

impl Tasks for Process {
    fn spawn(&self, task: Task) {
        self.world.spawn(PausableTask { run: Arc::clone(&self.run), task: Some(task) });
    }
}

/// A task of a process.
struct PausableTask {
    run: Arc<Mutex<Run>>,
    task: Option<Task>,
}

impl Future for PausableTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let dead = match &mut *lock(&self.run) {
            Run::Running => false,
            Run::Paused(wakers) => {
                wakers.push(context.waker().clone());
                return Poll::Pending;
            }
            Run::Dead => true,
        };
        if dead {
            self.task = None;
        }
        self.task.as_mut().map_or(Poll::Ready(()), |task| task.as_mut().poll(context))
    }
}

/// The clocks of a machine: with their own rate and origin.
#[derive(Clone, Copy)]
struct Rates {
    /// Time on the boot clock, in nanoseconds, when the world began.
    origin: u64,
    /// Its drift, in parts per million.
    ppm: i64,
    /// Time that the boot clock lost while stopped, in nanoseconds.
    lost: u64,
    /// The wall clock when the world began, with all steps since, in microseconds.
    wall: i64,
}

/// A machine; it survives the processes on it.
pub(crate) struct Machine {
    world: Arc<World>,
    rates: Mutex<Rates>,
}

/// Approximate wall clock of all machines when the world begins.
pub(crate) const WALL: i64 = 1_800_000_000_000_000;

impl Machine {
    pub(crate) fn new(world: &Arc<World>) -> Arc<Self> {
        let rates = world.draw(|rng| Rates {
            origin: rng.below(1_000_000_000_000_000),
            ppm: i64::try_from(rng.below(1_001)).unwrap_or_default() - 500,
            lost: 0,
            wall: WALL + i64::try_from(rng.below(2_000_000)).unwrap_or_default(),
        });
        Arc::new(Self { world: Arc::clone(world), rates: Mutex::new(rates) })
    }

    /// Time by the boot clock since the world began, with its rate.
    fn elapsed(&self, rates: Rates) -> u64 {
        let real = u64::try_from(self.world.now().as_nanos()).unwrap_or(u64::MAX);
        let off = i128::from(real) * i128::from(rates.ppm) / 1_000_000;
        u64::try_from(i128::from(real) + off).unwrap_or_default().saturating_sub(rates.lost)
    }

    /// Restarts the machine: the boot clock starts elsewhere.
    pub(crate) fn reboot(&self, origin: u64) {
        lock(&self.rates).origin = origin;
    }

    /// Sets the wall clock by this many microseconds.
    pub(crate) fn step_wall(&self, by: i64) {
        let mut rates = lock(&self.rates);
        rates.wall = rates.wall.saturating_add(by);
    }

    /// A hypervisor pauses the machine and its clocks for this long (A2: less than the guard).
    pub(crate) fn stall(&self, lost: Duration) {
        lock(&self.rates).lost += u64::try_from(lost.as_nanos()).unwrap_or_default();
    }
}

impl Clock for Machine {
    fn boot(&self) -> BootInstant {
        let rates = *lock(&self.rates);
        BootInstant::from_nanos(rates.origin + self.elapsed(rates))
    }

    fn wall(&self) -> Timestamp {
        let rates = *lock(&self.rates);
        let micros = rates.wall + i64::try_from(self.elapsed(rates) / 1_000).unwrap_or_default();
        Timestamp::from_micros(micros).unwrap_or(Timestamp::MAX)
    }
}
