//! Shared with the simulation: its database, its clocks, its log and its judge.

#[path = "../simulation/sim/accounts.rs"]
pub(crate) mod accounts;
#[path = "../simulation/sim/check.rs"]
pub(crate) mod check;
#[path = "../simulation/sim/database.rs"]
pub(crate) mod database;
#[path = "../simulation/sim/history.rs"]
pub(crate) mod history;
#[path = "../simulation/sim/plan.rs"]
pub(crate) mod plan;
#[path = "../simulation/sim/process.rs"]
pub(crate) mod process;
#[path = "../simulation/sim/rng.rs"]
pub(crate) mod rng;
#[path = "../simulation/sim/world.rs"]
pub(crate) mod world;
