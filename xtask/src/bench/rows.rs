//! The rows of the tables: each measures one claim from an empty start, and stands alone.

use anyhow::Result;
use clap::builder::PossibleValuesParser;

// What most rows need.
use super::figures::{Report, Target, Unit, percentile};
use super::node::{Created, Launch, Node, Postgres, yardstick};
use super::request::{Client, Request};
use super::{Bench, costs, pgbench};

mod create;
mod flood;
mod gateway;
mod hot;
mod memory;
mod revoke;
mod size;
mod start;
mod strangers;
mod timing;
mod uncached;

/// Measures a row and adds its figures.
type Measure = fn(&Bench, &mut Report) -> Result<()>;

/// Every row by its name, the quick ones first.
pub(super) const ALL: &[(&str, Measure)] = &[
    ("start", start::measure),
    ("instructions", super::instructions::measure),
    ("memory", memory::measure),
    ("timing", timing::measure),
    ("hot", hot::measure),
    ("uncached", uncached::measure),
    ("create", create::measure),
    ("revoke", revoke::measure),
    ("gateway", gateway::measure),
    ("flood", flood::measure),
    ("strangers", strangers::measure),
    ("size", size::measure),
];

/// The names of the rows, as values of an option.
pub(super) fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(ALL.iter().map(|(name, _)| *name))
}
