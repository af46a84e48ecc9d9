//! The driver over ports that a test controls: how it keeps a lease, catches up, waits, reads and ends, and that no
//! fault of a port becomes a verdict (T6). Runs on simulated time; nothing here waits for a real clock.

mod fixture;
#[expect(dead_code, reason = "the simulation uses the rest of the shared modules")]
mod shared;

mod catching_up;
mod clocks;
mod embedded;
mod every_call_fails;
mod hints;
mod histories;
mod lease;
mod leaving;
mod reaping;
mod recording;
mod sharing;
