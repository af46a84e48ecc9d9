//! The embedded database keeps every promise of the storage ports, and some more.

mod failures;
mod file_names;
mod folder;
mod revocation;
mod rewritten;
mod schema;

keyward_storage::conformance_suite!(keyward_storage_sqlite::testing::fixture);
