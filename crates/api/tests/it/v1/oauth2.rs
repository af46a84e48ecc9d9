//! `/v1/oauth2`.

mod access_token;
mod forged;
mod refresh;
mod rfc6749;
mod token;
