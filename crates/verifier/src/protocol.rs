//! The protocol core: acknowledge or outlive. Decides, and has no side effects.
//!
//! Small values that take the clock and the messages and return decisions: whether a node's lease holds ([`Lease`],
//! [`LeaseTerm`]), whether a read may be kept or used ([`Shard`]), the next step of a request ([`Request`]), when a
//! restricting change may be answered ([`Revoker`]), how long a history counts as new ([`Newness`]), whether events
//! follow the last one applied ([`Succession`]), which numbers identify a node's row ([`RowNumbers`]), which rows are
//! stale ([`Reaper`]), and which database time is trusted ([`DatabaseClockEstimate`]). No I/O, no clock, no task, no
//! lock. The server, the model checker and the seeded simulation drive this same code.
//!
//! Rules are named R1–R19. Each rule implemented here is a switch of [`Rules`]. In production all are on.

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

pub use database_clock::{ClockJump, ClockNews, DatabaseClockEstimate, Offset};
pub use lease::{Lease, LeaseTerm, PendingRenewal};
pub use newness::Newness;
pub use reaper::{Reaper, StaleRow};
pub use request::{Request, Step};
pub use revoker::{Revoker, Todo};
pub use row_numbers::RowNumbers;
pub use rules::{HistoryRules, Rules};
pub use shard::{Entries, Generation, Shard, Ticket};
pub use succession::Succession;
pub use time::{BootInstant, LeaseConfig};
