//! When a narrowing call has answered, no node accepts what it ended, in any request that arrives afterwards: with all
//! nodes well, one of them stopped, dead or standing still, deaf to notifications, or behind a pooler.
//!
//! Keys are in the memory of every node before they are revoked, so that forgetting is what is tested. No latency is
//! asserted: `cargo xtask bench` measures that.

mod commands;
mod deaf;
mod departed;
mod everywhere;
mod frozen;
mod late;
mod pooled;
mod respond_async;
