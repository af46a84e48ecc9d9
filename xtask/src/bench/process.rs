//! The kernel's figures about the processes under measurement; on Linux only.

use std::{thread, time::Duration};

use anyhow::{Context as _, Result};

use super::figures::{Report, Unit};
use super::wrk::Load;
use keyward_testkit::{pg::Cluster, process::Process};

/// Number of checks whether connections have ended, and the pause between two of them.
const CHECKS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(10);

/// Resident memory of a process, in MiB; an error on other systems than Linux.
pub(super) fn resident_mib(process: &Process) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()));
    let status = status.context("the memory of a process is known on Linux only")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.split_whitespace().next().context("no figure")?.parse()?;
    Ok(kib / 1_024.0)
}

/// Time on a processor, in microseconds.
#[derive(Clone, Copy)]
pub(super) struct Spent {
    /// In the program's code.
    pub(super) own: f64,
    /// In the kernel, on its behalf.
    pub(super) kernel: f64,
}

impl Spent {
    pub(super) fn sum(self) -> f64 {
        self.own + self.kernel
    }
}

/// Processor time of each request, where the kernel reports it: the reason behind a ratio.
pub(super) struct Costs {
    pub(super) server: Option<Spent>,
    pub(super) generator: Option<Spent>,
}

impl Costs {
    /// Does the work of one round. The program that ends during it is the load generator.
    pub(super) fn of(server: Option<&Process>, work: impl FnOnce() -> Result<Load>) -> Result<(Load, Self)> {
        let spent = || [server.and_then(|it| account(&it.id().to_string(), 11)), account("self", 13)];
        let before = spent();
        let load = work()?;
        let after = spent();
        let [server, generator] = [0, 1].map(|of| {
            let (before, after) = before[of].zip(after[of])?;
            let each = |before: f64, after: f64| (after - before) / load.requests;
            Some(Spent { own: each(before.own, after.own), kernel: each(before.kernel, after.kernel) })
        });
        Ok((load, Self { server, generator }))
    }
}

/// Does the work of one round, and notes the processor time of each request, also that of Postgres. Returns the rate.
pub(super) fn noted(
    report: &mut Report,
    name: &str,
    cluster: &Cluster,
    service: Option<&Process>,
    work: impl FnOnce() -> Result<Load>,
) -> Result<f64> {
    let (present, before) = (cluster.pids()?.len(), spent_by_postgres(cluster));
    let (load, costs) = Costs::of(service, work)?;
    if service.is_none() {
        // The time of a baseline's connections is in the server's account only when they have ended. It does not wait
        // forever: an upkeep process of the server may stay.
        for _ in 0..CHECKS {
            if cluster.pids()?.len() <= present {
                break;
            }
            thread::sleep(PAUSE);
        }
    }
    let postgres = before.zip(spent_by_postgres(cluster)).map(|(before, after)| (after - before) / load.requests);
    let mut note = |of: &str, micros: Option<f64>| {
        report.note(format!("{name}, processor time of {of}"), Unit::Microseconds, micros);
    };
    note("the service, own code", costs.server.map(|spent| spent.own));
    note("the service, in the kernel", costs.server.map(|spent| spent.kernel));
    note("Postgres", postgres);
    note("the load generator", costs.generator.map(Spent::sum));
    Ok(load.per_second)
}

/// Time that a Postgres has spent on a processor, with all its processes, in microseconds.
fn spent_by_postgres(cluster: &Cluster) -> Option<f64> {
    let pids = cluster.pids().ok()?;
    // The server's account includes the processes that have ended.
    let ended = account(&pids.first()?.to_string(), 13)?;
    // One may end in the meantime.
    let living = pids.iter().filter_map(|pid| account(&pid.to_string(), 11));
    Some(living.chain([ended]).map(Spent::sum).sum())
}

/// Two fields of the kernel's account of a process, counted after its name: from 11 its own time, from 13 that of the
/// programs which it ran to their end.
fn account(process: &str, first: usize) -> Option<Spent> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in the second field may contain anything, even blanks.
    let (_, fields) = stat.rsplit_once(')')?;
    // Linux counts in hundredths of a second, on all common machines.
    let mut micros = fields.split_whitespace().skip(first).map(|ticks| ticks.parse().ok().map(|it: f64| it * 10_000.0));
    Some(Spent { own: micros.next()??, kernel: micros.next()?? })
}
