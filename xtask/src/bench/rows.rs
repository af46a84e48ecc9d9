//! The rows of the tables: each measures one claim from an empty start, independent of the others.

use std::thread::{self, ScopedJoinHandle};

use anyhow::{Result, anyhow};
use clap::builder::PossibleValuesParser;

// What most rows need.
use super::figures::{Report, Target, Unit, percentile};
use super::node::{Created, Launch, Node, Postgres, baseline};
use super::request::{Client, Request};
use super::{Bench, pgbench, process};

mod create;
mod find;
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
    ("find", find::measure),
];

/// The names of the rows, as values of an option.
pub(super) fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(ALL.iter().map(|(name, _)| *name))
}

/// Does the work for each item on its own thread, and something else meanwhile, which sees the threads. Returns the
/// results of both.
fn beside<T: Send, R: Send, M>(
    each: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> Result<R> + Sync,
    meanwhile: impl FnOnce(&[ScopedJoinHandle<'_, Result<R>>]) -> M,
) -> Result<(Vec<R>, M)> {
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = each.into_iter().map(|it| scope.spawn(move || work(it))).collect();
        let done = meanwhile(&threads);
        let join = |thread: ScopedJoinHandle<'_, _>| thread.join().map_err(|_| anyhow!("a thread panicked"))?;
        Ok((threads.into_iter().map(join).collect::<Result<_>>()?, done))
    })
}
