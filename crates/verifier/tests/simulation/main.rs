//! The real driver and core in a seeded simulation (T5): what was promised is kept in every weather, and each rule is
//! needed. `examples/simulate.rs` runs the same over more seeds.

pub(crate) mod sim;

#[cfg(test)]
mod promises;
