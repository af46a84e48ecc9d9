//! The driver: tasks that pass messages between the protocol core and the ports. They make no decision that the core
//! can make.

mod barrier;
mod catch_up;
mod clock_readings;
mod clocks;
mod control;
mod embedded;
mod history;
mod lease_problems;
mod notification_listener;
mod wake;

pub use barrier::NotEnforced;
pub(crate) use barrier::{Barrier, PendingChange};
pub use clock_readings::ClockDifference;
pub(crate) use clock_readings::Clocks;
pub(crate) use control::Control;
pub(crate) use embedded::Embedded;
pub(crate) use lease_problems::LeaseProblems;
pub(crate) use notification_listener::NotificationListener;
pub(crate) use wake::Wake;
