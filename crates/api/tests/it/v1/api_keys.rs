//! `/v1/api-keys`.

mod create;
mod create_refused;
mod get;
mod list;
mod revoke;
