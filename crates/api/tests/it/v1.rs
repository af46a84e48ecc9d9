//! `/v1`, one file per route.

mod api_keys;
mod auth;
mod batch;
mod merchants;
mod oauth2;
mod verify;
