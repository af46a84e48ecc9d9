//! What tests and the automation share: a throwaway Postgres, and the steps behind `cargo xtask`.
//!
//! It never holds business rules, and the product never depends on it: it is a development dependency only.

pub mod bench;
pub mod chaos;
pub mod check;
pub mod model;
pub mod nginx;
pub mod outside;
pub mod pg;
pub mod run;
pub mod simulate;
pub mod sqlx;
pub mod test;
pub mod tidy;
pub mod tools;
