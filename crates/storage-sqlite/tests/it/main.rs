//! The embedded database keeps every promise of the storage ports, and a few of its own.

mod file_names;
mod folder;
mod revocation;
mod rewritten;
mod schema;
mod trouble;

keyward_storage::conformance_suite!(keyward_storage_sqlite::testing::fixture);
