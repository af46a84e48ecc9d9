//! The protocol core: acknowledge or outlive. Decides, and does nothing.
//!
//! Small values that are handed the clock and the messages and give back decisions: whether a node's lease holds
//! ([`Lease`], [`LeaseTerm`]), whether something read may be kept or used ([`Shard`]), what a request has to do next
//! ([`Request`]), when a narrowing call may be answered ([`Revoker`]), how long a history is new ([`Newness`]), whether
//! events follow what was applied ([`Succession`]), by which numbers a node knows its row ([`RowNumbers`]), which row
//! stands still ([`Reaper`]), which time of the database is believed ([`DatabaseClock`]). No I/O, no clock,
//! no task, no lock. The server, the model checker and the seeded simulation drive this same code.
//!
//! Rules are named R1–R19; each one that lives here is a switch of [`Rules`]. In production all are on.

mod database_clock;
mod lease;
mod newness;
mod reaper;
mod request;
mod revoker;
mod row_numbers;
mod rules;
mod shard;
mod succession;
mod time;

pub use database_clock::{ClockJump, ClockNews, DatabaseClock, Offset};
pub use lease::{Lease, LeaseTerm, PendingRenewal};
pub use newness::Newness;
pub use reaper::{Reaper, Still};
pub use request::{Request, Step};
pub use revoker::{Revoker, Todo};
pub use row_numbers::RowNumbers;
pub use rules::{HistoryRules, Rules};
pub use shard::{Entries, Generation, Shard, Ticket};
pub use succession::Succession;
pub use time::{BootInstant, LeaseConfig};
