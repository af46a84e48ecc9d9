//! A process of ours under measurement: ended with its owner, and what the kernel says about it.

use std::io::{BufRead as _, BufReader, Read as _, Seek as _};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use keyward_testkit::pg::Cluster;

/// A process that is ended with its owner.
pub(super) struct Running(Child);

impl Running {
    /// Starts a program and waits for the line that says where it is ready.
    pub(super) fn start(command: &mut Command) -> Result<(Self, String)> {
        let mut said = tempfile::tempfile()?;
        let mut child = Self(command.stdout(Stdio::piped()).stderr(said.try_clone()?).stdin(Stdio::null()).spawn()?);
        let out = child.0.stdout.take().context("no standard output")?;
        let mut lines = BufReader::new(out).lines();
        let ready = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, url) = line.split_once("ready on ")?;
            url.split_whitespace().next().map(str::to_owned)
        });
        let Some(url) = ready else {
            let mut why = String::new();
            said.rewind()?;
            said.read_to_string(&mut why)?;
            bail!("the program ended before it was ready: {}", why.trim());
        };
        // Whatever else it says is read, so that it never waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        Ok((child, url))
    }

    /// Ends it as a crash would, and waits until it is gone.
    pub(super) fn kill(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Memory that it really holds, in MiB.
    ///
    /// # Errors
    /// Anywhere but on Linux.
    pub(super) fn resident_mib(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()));
        let status = status.context("how much memory a process holds is known on Linux only")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: f64 = line.split_whitespace().next().context("no figure")?.parse()?;
        Ok(kib / 1_024.0)
    }

    /// Time that it has spent on a processor; on Linux only.
    pub(super) fn spent(&self) -> Option<Spent> {
        spent(&self.0.id().to_string(), 11)
    }
}

/// Time that the programs which we ran to their end have spent on a processor; on Linux only.
pub(super) fn spent_by_the_ended() -> Option<Spent> {
    spent("self", 13)
}

/// Time that a Postgres has spent on a processor, with all its processes, in microseconds; on Linux only.
pub(super) fn spent_by_postgres(cluster: &Cluster) -> Option<f64> {
    let pids = cluster.pids().ok()?;
    // Those that have ended are in the server's account.
    let ended = spent(&pids.first()?.to_string(), 13)?;
    // One may end while we look.
    let living = pids.iter().filter_map(|pid| spent(&pid.to_string(), 11));
    Some(living.chain([ended]).map(|spent| spent.own + spent.kernel).sum())
}

/// Two fields of the kernel's account of a process, counted after its name.
fn spent(process: &str, first: usize) -> Option<Spent> {
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
    /// What each of so many requests cost since an earlier moment.
    pub(super) fn each(self, earlier: Self, requests: f64) -> Self {
        Self { own: (self.own - earlier.own) / requests, kernel: (self.kernel - earlier.kernel) / requests }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
