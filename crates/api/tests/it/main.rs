//! The wire contract, sentence by sentence: the real router over a real SQLite, by `oneshot`.
//!
//! Files mirror routes. Time stands still unless a test advances it, randomness is counted, and the source holds no
//! value of a key. Doubles replace a database only where it misbehaves.

#![expect(clippy::unwrap_used, reason = "these are tests: a panic is how they fail")]

mod acting;
mod clocks;
mod details;
mod docs;
mod even_time;
mod fields;
mod harness;
mod health;
mod jobs;
mod limits;
mod memory;
mod model;
mod openapi;
mod order;
mod outage;
mod problems;
mod rehash;
mod restricting;
mod secrets;
mod shares;
mod slow;
mod strangers;
mod tenants;
mod times;
mod v1;
mod values;
mod well_known;
