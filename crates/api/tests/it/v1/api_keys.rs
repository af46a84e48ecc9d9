//! `/v1/api-keys`.

mod change;
mod create;
mod create_refused;
mod enforcement;
mod find;
mod get;
mod list;
mod not_before;
mod respond_async;
mod revoke;
mod suspend;
