//! Locks and numbers at which the scheduler may switch threads.

use keyward_verifier::Platform;
use shuttle::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

/// The scheduler's locks and numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scheduled {}

impl Platform for Scheduled {
    type Lock<T: Send> = Mutex<T>;
    type Number = AtomicU64;

    fn lock<T: Send>(value: T) -> Mutex<T> {
        Mutex::new(value)
    }

    fn with<T: Send, R>(lock: &Mutex<T>, work: impl FnOnce(&mut T) -> R) -> R {
        work(&mut lock.lock().unwrap())
    }

    fn number(start: u64) -> AtomicU64 {
        AtomicU64::new(start)
    }

    fn load(number: &AtomicU64) -> u64 {
        number.load(Ordering::SeqCst)
    }

    fn store(number: &AtomicU64, value: u64) {
        number.store(value, Ordering::SeqCst);
    }
}
