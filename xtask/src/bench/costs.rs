//! Where processor time goes while a node and its Postgres are under load: the reasons behind a ratio.

use std::{thread, time::Duration};

use anyhow::Result;

use super::{
    figures::{Report, Unit},
    process::{Spent, spent, spent_by_postgres, spent_by_the_ended},
};
use keyward_testkit::{pg::Cluster, process::Process};

/// Number of checks whether connections have ended, and the pause between two of them.
const CHECKS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(10);

/// Does the work of one round, which returns some result and the number of requests, and notes the processor time of
/// each request, where the kernel reports it. Whatever ends in the meantime is the load generator.
pub(super) fn noted<T>(
    report: &mut Report,
    name: &str,
    cluster: &Cluster,
    service: Option<&Process>,
    work: impl FnOnce() -> Result<(T, f64)>,
) -> Result<T> {
    let look = || (spent_by_postgres(cluster), spent_by_the_ended(), service.and_then(spent));
    let (present, before) = (cluster.pids()?.len(), look());
    let (done, requests) = work()?;
    if service.is_none() {
        has_ended(cluster, present)?;
    }
    let after = look();
    let each = |(before, after): (Spent, Spent)| after.each(before, requests);
    let mut note = |of: &str, micros: Option<f64>| {
        report.note(format!("{name}, processor time of {of}"), Unit::Microseconds, micros);
    };
    let of_service = before.2.zip(after.2).map(each);
    note("the service, own code", of_service.map(|spent| spent.own));
    note("the service, in the kernel", of_service.map(|spent| spent.kernel));
    note("Postgres", before.0.zip(after.0).map(|(before, after)| (after - before) / requests));
    note("the load generator", before.1.zip(after.1).map(each).map(Spent::sum));
    Ok(done)
}

/// Waits until the connections of a yardstick that has ended are gone: only then is their time in the server's account.
/// Not forever: an upkeep process of the server's own may stay.
fn has_ended(cluster: &Cluster, present: usize) -> Result<()> {
    for _ in 0..CHECKS {
        if cluster.pids()?.len() <= present {
            break;
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}
