//! The wire contract of Keyward.
//!
//! Two halves. [`app`] holds one function per use case: it loads within the caller's reach, lets `keyward-domain`
//! decide, records the decision and commits; it knows no HTTP. [`http`] holds the adapters: it parses requests into
//! commands and turns outcomes into answers and problems; it knows no SQL. [`tokens`] makes and reads the two kinds of
//! token. [`shares`] keeps what is limited from being taken by one. What the outside world brings (time, randomness,
//! storage) comes in through ports.

pub mod app;
pub mod http;
pub mod shares;
pub mod tokens;
