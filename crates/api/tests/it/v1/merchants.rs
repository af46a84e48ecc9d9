//! `/v1/merchants`.

mod get;
mod list;
mod pair;
mod pair_overwrite;
mod policy;
mod register;
mod status;
