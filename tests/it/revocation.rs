//! After the answer of a restricting change, no node accepts what it ended, in any request that arrives afterwards:
//! with all nodes healthy, or one of them stopped, dead, frozen, without notifications, or behind a pooler.
//!
//! Keys are in the memory of every node before they are revoked, so that eviction is tested. No latency is asserted:
//! `cargo xtask bench` measures that.

mod commands;
mod departed;
mod everywhere;
mod frozen;
mod late;
mod pooled;
mod respond_async;
mod without_notifications;
