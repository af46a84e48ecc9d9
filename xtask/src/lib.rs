//! The steps behind `cargo xtask`.
//!
//! Nothing of the product or of its tests depends on it.

pub mod bench;
pub mod check;
pub mod model;
pub mod simulate;
pub mod sqlx;
pub mod test;
pub mod tidy;
