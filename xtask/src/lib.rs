//! What tests and the automation share: a throwaway Postgres, and the steps behind `cargo xtask`.
//!
//! It never holds business rules, and the product never depends on it: it is a development dependency only.

pub mod bench;
pub mod check;
pub mod pg;
pub mod run;
pub mod sqlx;
pub mod test;
pub mod tidy;
