//! A process of ours under measurement: ended with its owner, and what the kernel says about it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

/// A process that is ended with its owner.
pub(super) struct Running(Child);

impl Running {
    /// Starts a program and waits for the line that says where it is ready.
    pub(super) fn start(command: &mut Command) -> Result<(Self, String)> {
        let mut child = Self(command.stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::null()).spawn()?);
        let out = child.0.stdout.take().context("no standard output")?;
        let mut lines = BufReader::new(out).lines();
        let ready = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, url) = line.split_once("ready on ")?;
            url.split_whitespace().next().map(str::to_owned)
        });
        // Whatever else it says is read, so that it never waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        Ok((child, ready.context("the program ended before it was ready")?))
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

    /// Time that it has spent on a processor, in microseconds, in its own code and in the kernel; on Linux only.
    pub(super) fn processor_micros(&self) -> Option<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).ok()?;
        // The name in the second field may hold anything, blanks too.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace().skip(11).map(str::parse::<f64>);
        let ticks = fields.next()?.ok()? + fields.next()?.ok()?;
        // Linux counts them in hundredths of a second, on every machine that matters.
        Some(ticks * 10_000.0)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
