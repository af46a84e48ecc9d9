//! What tests and the automation share: a throwaway Postgres, other programs, and the tools that a machine may lack.
//!
//! It never holds business rules, and the product never depends on it: it is a development dependency only.

pub mod nginx;
pub mod outside;
pub mod pg;
pub mod run;
pub mod tools;
