//! `/v1`, a file a route.

mod api_keys;
mod auth;
mod batch;
mod merchants;
mod oauth2;
mod verify;
