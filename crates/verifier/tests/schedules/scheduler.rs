//! Random schedules in which threads run at very different speeds.
//!
//! With equal chances, a thread of three steps always ends long before one of sixty: a slow reader with a fast purge
//! would hardly ever be tried. Here each thread has a speed, which sometimes changes, up to a thousand times that of
//! another. The same seed gives the same schedules.

use keyward_testkit::rng::Rng;
use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};

/// Speeds differ by at most this many powers of two.
const POWERS: u64 = 10;
/// A thread changes its speed after one in this many steps.
const CHANGES: u64 = 8;

/// Chooses the next thread.
#[derive(Debug)]
pub(crate) struct UnevenScheduler {
    random: Rng,
    left: usize,
    /// By the number of the thread.
    speeds: Vec<u64>,
}

impl UnevenScheduler {
    /// A scheduler for this many schedules.
    pub(crate) fn new(seed: u64, schedules: usize) -> Self {
        Self { random: Rng::of_seed(seed), left: schedules, speeds: Vec::new() }
    }

    fn speed(&mut self, task: TaskId) -> u64 {
        let number = usize::from(task);
        while self.speeds.len() <= number {
            let speed = self.draw_speed();
            self.speeds.push(speed);
        }
        self.speeds[number]
    }

    fn draw_speed(&mut self) -> u64 {
        1 << self.random.below(POWERS + 1)
    }
}

impl Scheduler for UnevenScheduler {
    fn new_execution(&mut self) -> Option<Schedule> {
        self.left = self.left.checked_sub(1)?;
        self.speeds.clear();
        Some(Schedule::new(self.random.clone().draw()))
    }

    fn next_task(&mut self, runnable: &[&Task], current: Option<TaskId>, is_yielding: bool) -> Option<TaskId> {
        let waits = |task: TaskId| is_yielding && Some(task) == current && runnable.len() > 1;
        let tasks: Vec<_> = runnable.iter().map(|task| task.id()).filter(|task| !waits(*task)).collect();
        let speeds: Vec<_> = tasks.iter().map(|task| self.speed(*task)).collect();
        let mut point = self.random.below(speeds.iter().sum());
        let chosen = tasks.iter().zip(&speeds).find(|(_, speed)| {
            let here = point < **speed;
            point = point.saturating_sub(**speed);
            here
        });
        let (task, _) = chosen?;
        if self.random.below(CHANGES) == 0 {
            self.speeds[usize::from(*task)] = self.draw_speed();
        }
        Some(*task)
    }

    fn next_u64(&mut self) -> u64 {
        self.random.draw()
    }
}
