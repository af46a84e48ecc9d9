//! The generator of a simulation: the same seed produces the same history.

pub(crate) use keyward_testkit::rng::Rng;
