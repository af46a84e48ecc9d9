//! The real driver and core in a seeded simulation (T5): the promises hold under all faults, and each rule is needed.
//! `examples/simulate.rs` runs the same over more seeds.

pub(crate) mod sim;

#[cfg(test)]
mod promises;
