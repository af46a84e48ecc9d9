//! Where processor time goes while a node and its Postgres are under load: what says why a ratio is what it is.

use std::{thread, time::Duration};

use anyhow::Result;

use super::{
    figures::{Report, Unit},
    process::{Running, Spent, spent_by_postgres, spent_by_the_ended},
};
use keyward_testkit::pg::Cluster;

/// How often it is looked whether connections have ended, and the pause between two looks.
const LOOKS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(10);

/// What one request costs each of those who take part, in microseconds of a processor, round by round. Empty where the
/// kernel does not tell.
#[derive(Default)]
pub(super) struct Costs {
    service: Vec<Spent>,
    postgres: Vec<f64>,
    generator: Vec<f64>,
}

impl Costs {
    /// Does the work of one round, which gives some result and how many requests there were. Whatever ends meanwhile is
    /// the load generator.
    pub(super) fn of<T>(
        &mut self,
        cluster: &Cluster,
        service: Option<&Running>,
        work: impl FnOnce() -> Result<(T, f64)>,
    ) -> Result<T> {
        let look = || (spent_by_postgres(cluster), spent_by_the_ended(), service.and_then(Running::spent));
        let (present, before) = (cluster.pids()?.len(), look());
        let (done, requests) = work()?;
        if service.is_none() {
            has_ended(cluster, present)?;
        }
        let after = look();
        self.postgres.extend(before.0.zip(after.0).map(|(before, after)| (after - before) / requests));
        let each = |(before, after): (Spent, Spent)| after.each(before, requests);
        self.generator.extend(before.1.zip(after.1).map(each).map(|each| each.own + each.kernel));
        self.service.extend(before.2.zip(after.2).map(each));
        Ok(done)
    }

    /// Writes them down.
    pub(super) fn note(&self, report: &mut Report, name: &str) {
        let time = |of: &str| format!("{name}, processor time of {of}");
        let service = |part: fn(&Spent) -> f64| self.service.iter().map(part).collect();
        report.note(time("the service, own code"), Unit::Microseconds, service(|spent| spent.own));
        report.note(time("the service, in the kernel"), Unit::Microseconds, service(|spent| spent.kernel));
        report.note(time("Postgres"), Unit::Microseconds, self.postgres.clone());
        report.note(time("the load generator"), Unit::Microseconds, self.generator.clone());
    }
}

/// Waits until the connections of a yardstick that has ended are gone: only then is their time in the server's account.
/// Not for ever: an upkeep process of the server's own may stay.
fn has_ended(cluster: &Cluster, present: usize) -> Result<()> {
    for _ in 0..LOOKS {
        if cluster.pids()?.len() <= present {
            break;
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}
