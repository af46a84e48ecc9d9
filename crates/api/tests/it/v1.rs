//! `/v1`, one file per route.

mod api_keys;
mod auth;
mod batch;
mod me;
mod merchants;
mod oauth2;
mod verify;
