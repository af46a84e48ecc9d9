//! What the kernel reports of the processes under measurement; on Linux only.

use anyhow::{Context as _, Result};

use keyward_testkit::pg::Cluster;
use keyward_testkit::process::Process;

/// Memory that a process really holds, in MiB.
///
/// # Errors
/// Anywhere but on Linux.
pub(super) fn resident_mib(process: &Process) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()));
    let status = status.context("how much memory a process holds is known on Linux only")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.split_whitespace().next().context("no figure")?.parse()?;
    Ok(kib / 1_024.0)
}

/// Time that a process has spent on a processor.
pub(super) fn spent(process: &Process) -> Option<Spent> {
    account(&process.id().to_string(), 11)
}

/// Time that the programs which we ran to their end have spent on a processor.
pub(super) fn spent_by_the_ended() -> Option<Spent> {
    account("self", 13)
}

/// Time that a Postgres has spent on a processor, with all its processes, in microseconds.
pub(super) fn spent_by_postgres(cluster: &Cluster) -> Option<f64> {
    let pids = cluster.pids().ok()?;
    // Those that have ended are in the server's account.
    let ended = account(&pids.first()?.to_string(), 13)?;
    // One may end in the meantime.
    let living = pids.iter().filter_map(|pid| account(&pid.to_string(), 11));
    Some(living.chain([ended]).map(Spent::sum).sum())
}

/// Two fields of the kernel's account of a process, counted after its name.
fn account(process: &str, first: usize) -> Option<Spent> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in the second field may hold anything, blanks too.
    let (_, fields) = stat.rsplit_once(')')?;
    // Linux counts in hundredths of a second, on every machine that matters.
    let mut micros = fields.split_whitespace().skip(first).map(|ticks| ticks.parse().ok().map(|it: f64| it * 10_000.0));
    Some(Spent { own: micros.next()??, kernel: micros.next()?? })
}

/// Time on a processor, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spent {
    /// In the program's own code.
    pub(super) own: f64,
    /// In the kernel, on its behalf.
    pub(super) kernel: f64,
}

impl Spent {
    /// The cost of each request since an earlier moment.
    pub(super) fn each(self, earlier: Self, requests: f64) -> Self {
        Self { own: (self.own - earlier.own) / requests, kernel: (self.kernel - earlier.kernel) / requests }
    }

    pub(super) fn sum(self) -> f64 {
        self.own + self.kernel
    }
}
