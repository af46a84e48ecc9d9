//! Locks and shared numbers, which a test can replace by a scheduler's to try every order (T4). In production they are
//! the standard library's.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

/// Provides locks and shared numbers.
pub trait Platform: 'static {
    /// A value behind a lock.
    type Lock<T: Send>: Send + Sync;
    /// A number shared by all threads. A write is visible after all earlier writes of its thread.
    type Number: Send + Sync;

    /// Creates a lock around a value.
    fn lock<T: Send>(value: T) -> Self::Lock<T>;

    /// Runs `work` with exclusive access to the value.
    fn with<T: Send, R>(lock: &Self::Lock<T>, work: impl FnOnce(&mut T) -> R) -> R;

    /// Creates a number with this value.
    fn number(start: u64) -> Self::Number;

    /// Reads the number (acquire).
    fn load(number: &Self::Number) -> u64;

    /// Writes the number (release).
    fn store(number: &Self::Number, value: u64);
}

/// The standard library's locks and atomics.
#[derive(Clone, Copy, Debug)]
pub enum Std {}

impl Platform for Std {
    type Lock<T: Send> = Mutex<T>;
    type Number = AtomicU64;

    fn lock<T: Send>(value: T) -> Mutex<T> {
        Mutex::new(value)
    }

    /// Ignores poisoning: a panic under the lock leaves consistent values, because each change is one complete call.
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
