//! Locks and shared numbers, so that a test may put those of a scheduler in their place and try every order (T4). In
//! production they are the standard library's.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

/// Where locks and shared numbers come from.
pub trait Platform: 'static {
    /// A value behind a lock.
    type Lock<T: Send>: Send + Sync;
    /// A number that all threads see, in the order in which it was written after whatever came before it.
    type Number: Send + Sync;

    /// Puts a value behind a lock.
    fn lock<T: Send>(value: T) -> Self::Lock<T>;

    /// Works on the value while nobody else does.
    fn with<T: Send, R>(lock: &Self::Lock<T>, work: impl FnOnce(&mut T) -> R) -> R;

    /// A number that starts as this.
    fn number(start: u64) -> Self::Number;

    /// Reads it: whatever its writer did before is seen (acquire).
    fn load(number: &Self::Number) -> u64;

    /// Writes it: whoever reads it sees what was done before (release).
    fn store(number: &Self::Number, value: u64);
}

/// The standard library's.
#[derive(Clone, Copy, Debug)]
pub enum Std {}

impl Platform for Std {
    type Lock<T: Send> = Mutex<T>;
    type Number = AtomicU64;

    fn lock<T: Send>(value: T) -> Mutex<T> {
        Mutex::new(value)
    }

    /// A panic under a lock leaves whole values behind: each change here is one call that does not stop half way.
    fn with<T: Send, R>(lock: &Mutex<T>, work: impl FnOnce(&mut T) -> R) -> R {
        work(&mut lock.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn number(start: u64) -> AtomicU64 {
        AtomicU64::new(start)
    }

    fn load(number: &AtomicU64) -> u64 {
        number.load(Ordering::Acquire)
    }

    fn store(number: &AtomicU64, value: u64) {
        number.store(value, Ordering::Release);
    }
}
