//! `cargo xtask chaos`: real nodes on a real Postgres, under load, with the faults of machines and networks.
//!
//! Each of three nodes has its own proxy to the one Postgres. Faults are drawn from a seed. Clients verify, revoke,
//! suspend and close, and attack every change as soon as it is acknowledged. Their observations form a history, and a
//! pure function decides whether the history keeps the promises: T7, T8 and T10 of the test plan. A run signals only
//! processes that it started, and they end with it. It asserts no latency: times are printed for information.

mod check;
mod client;
mod control;
mod counters;
mod credentials;
mod cut;
mod explain;
mod faults;
mod final_state;
mod goback;
mod history;
mod ledger;
mod load;
mod log;
mod lying_proxy;
mod node;
mod parked;
mod plan;
mod probes;
mod report;
mod schedule;
mod sql;
mod watcher;
mod world;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use check::{Outcome, check};
use counters::Counters;
use credentials::Credentials;
use cut::Cut;
use faults::Mark;
use history::{CredentialId, Made, Recorder, Span, Thing};
use keyward_testkit::clock::{Moment, RunClock};
use keyward_testkit::rng::Rng;
use keyward_testkit::run;
use ledger::Ledger;
use probes::Probes;
use schedule::{Lane, Planned};
use world::World;

pub use control::Planted;
pub use lying_proxy::Lie;
pub use plan::{Load, Mode, Options, Plan, Profile};
pub use report::Report;
pub use schedule::Kind;

/// Maximum time until all nodes are ready after all faults have ended.
const RECOVERY: Duration = Duration::from_mins(1);

/// Duration of the load after that.
const TAIL: Duration = Duration::from_secs(2);

/// State shared by all threads of a run.
struct Run {
    plan: Plan,
    clock: RunClock,
    world: World,
    recorder: Recorder,
    ledger: Ledger,
    counters: Counters,
    credentials: Credentials,
    probes: Probes,
    over: AtomicBool,
    /// A lock per node, held while the node has a fault or must not have one.
    fault_locks: Vec<Mutex<()>>,
    /// The last one may not have ended.
    cuts: Mutex<Vec<Cut>>,
    /// Errors of the run itself.
    errors: Mutex<Vec<String>>,
    platform: Thing,
    /// The platform's key, the caller of most requests.
    caller: CredentialId,
}

impl Run {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// Ends the run after a failure.
    fn or_end<T>(&self, worked: Result<T>) -> Result<T> {
        worked.inspect_err(|_| self.end())
    }

    /// Locks a node: it has no fault of its own while the guard is held.
    fn calm(&self, node: usize) -> MutexGuard<'_, ()> {
        lock(&self.fault_locks[node])
    }

    /// Records that the old history has ended, before its losses are known.
    fn begin_cut(&self, cut: Cut) {
        lock(&self.cuts).push(cut);
    }

    /// Records the losses of the last cut.
    fn finish_cut(&self, cut: Cut) {
        let mut cuts = lock(&self.cuts);
        cuts.pop();
        cuts.push(cut);
    }

    /// Whether a thing created in this interval may be lost.
    fn may_lack(&self, born: Span) -> bool {
        lock(&self.cuts).iter().any(|cut| cut.may_lack(born))
    }

    fn add_error(&self, what: String) {
        lock(&self.errors).push(what);
    }

    /// Sleeps until this moment. Returns false as soon as the run ends.
    fn wait_until(&self, moment: Moment) -> bool {
        while !self.is_over() && self.clock.now() < moment {
            self.clock.sleep_until(moment.min(self.clock.now() + Duration::from_millis(50)));
        }
        !self.is_over()
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // Their content is consistent whenever a guard is dropped.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `cargo xtask chaos`: builds the server in release mode unless its path is given, runs the plan, prints the report,
/// and keeps evidence of findings.
///
/// # Errors
/// If options contradict each other, a process does not start or recover, or there are findings; in a control, if there
/// are none.
pub fn run(options: Options) -> Result<()> {
    let plan = Plan::of(options)?;
    println!("{}", plan.line());
    let report = storm(&plan)?;
    print!("{report}");
    let is_control = matches!(plan.mode, Mode::Control(_));
    match (is_control, report.is_clean()) {
        (false, true) => Ok(()),
        (true, false) => {
            println!("found, as required");
            Ok(())
        }
        (true, true) => bail!("the check did not find the planted defect: it proves nothing"),
        (false, false) => bail!("the service broke a promise; `cargo xtask {}` draws the same faults", plan.line()),
    }
}

/// Runs a plan to its end.
///
/// # Errors
/// If a process does not start or recover, or the ledger cannot be written. Findings of the check are in the report and
/// are no error.
pub fn storm(plan: &Plan) -> Result<Report> {
    let server = match &plan.server {
        Some(server) => server.clone(),
        None => build()?,
    };
    let clock = RunClock::start();
    let began = clock.now();
    let world = World::start(plan, &server, clock)?;
    let (recorder, ledger) = (Recorder::default(), Ledger::create(&world.folder().join("ledger"))?);
    let born = Span::BEFORE;
    let platform = recorder.thing(&world.platform.mid, born);
    let name = "the platform's key".to_owned();
    let caller = recorder.credential(Made { name, rests_on: vec![platform], good_until: None, born });
    let (counters, credentials, probes) = (Counters::default(), Credentials::default(), Probes::for_nodes(plan.nodes));
    let run = Run {
        plan: plan.clone(),
        clock,
        world,
        recorder,
        ledger,
        counters,
        credentials,
        probes,
        over: AtomicBool::new(false),
        fault_locks: (0..plan.nodes).map(|_| Mutex::default()).collect(),
        cuts: Mutex::default(),
        errors: Mutex::default(),
        platform,
        caller,
    };
    let accounts = load::make_accounts(&run)?;
    load::make_evergreens(&run, &accounts)?;

    let started = clock.now();
    let marks = thread::scope(|scope| {
        let workers = run.or_end(load::start(scope, &run, &accounts))?;
        let stormed = run.or_end(faults(&run));
        run.end();
        for worker in workers {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        stormed
    })?;

    let stormed = clock.now();
    let mut report = conclude(run, marks)?;
    report.took = [started.since(began), stormed.since(started), clock.now().since(stormed)];
    Ok(report)
}

/// Injects all planned faults, waits until every node is ready again, and continues the load briefly.
fn faults(run: &Run) -> Result<Vec<Mark>> {
    let plan = &run.plan;
    let began = run.clock.now();
    let planned = schedule::draw(&plan.counts, plan.nodes, plan.duration, plan.longest, &Rng::of_seed(plan.seed));
    let lanes: Vec<Lane> = (0..plan.nodes).map(Lane::Node).chain([Lane::Postgres]).collect();
    let marks = thread::scope(|scope| {
        let lanes: Vec<_> = lanes
            .into_iter()
            .map(|lane| {
                let of_lane: Vec<Planned> = planned.iter().filter(|it| it.lane == lane).copied().collect();
                scope.spawn(move || run.or_end(faults::happen(run, &of_lane, began)))
            })
            .collect();
        let joined = lanes.into_iter().map(|lane| lane.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.collect::<Result<Vec<_>>>()
    })?;
    let mut marks: Vec<Mark> = marks.into_iter().flatten().collect();
    marks.sort_by_key(|mark| mark.from);
    let until = began + plan.duration;
    match plan.mode {
        Mode::Control(what) => control::happen(run, what, until)?,
        Mode::Network | Mode::Kills | Mode::Pauses | Mode::Back | Mode::All => {
            run.wait_until(until);
        }
    }
    run.world.heal()?;
    faults::await_readiness(run, RECOVERY)?;
    run.wait_until(run.clock.now() + TAIL);
    Ok(marks)
}

/// Reads the final state, and checks it.
fn conclude(run: Run, marks: Vec<Mark>) -> Result<Report> {
    let ledger = run.ledger.read()?;
    let last = final_state::final_states(&run, &ledger)?;
    final_state::verify_all(&run)?;
    let (mut crashes, mut refused_starts) = (Vec::new(), 0);
    for (number, node) in run.world.nodes.iter().enumerate() {
        let (ends, refusals) = node.bad_ends();
        crashes.extend(ends.into_iter().map(|how| format!("node {number}: {how}")));
        refused_starts += refusals;
    }
    let Run { plan, world, recorder, counters, cuts, errors, .. } = run;
    let (history, cuts) = (recorder.close(), cuts.into_inner().unwrap_or_else(PoisonError::into_inner));
    let errors = errors.into_inner().unwrap_or_else(PoisonError::into_inner);
    let findings = check(&history, Outcome { ledger: &ledger, last: &last, cuts: &cuts, lease: plan.lease() });
    let counters = counters.counts();
    let acknowledged = ledger.len();
    let took = [Duration::ZERO; 3];
    let report =
        Report { plan, history, findings, cuts, marks, counters, acknowledged, crashes, errors, refused_starts, took };
    if !report.is_clean() && !matches!(report.plan.mode, Mode::Control(_)) {
        keep_evidence(&report, &world)?;
    }
    Ok(report)
}

/// Writes all explanations, the ledger and the logs into the target folder.
fn keep_evidence(report: &Report, world: &World) -> Result<()> {
    let folder = run::target_directory()?.join("chaos").join(report.plan.seed.to_string());
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    std::fs::write(folder.join("findings"), report.explanations(usize::MAX).join("\n"))?;
    std::fs::copy(world.folder().join("ledger"), folder.join("ledger"))?;
    for (number, node) in world.nodes.iter().enumerate() {
        // A node that logged nothing has no file.
        let _ = std::fs::copy(node.log(), folder.join(format!("node-{number}.log")));
    }
    std::fs::write(folder.join("postgres.log"), world.cluster.log()?)?;
    println!("evidence is in {}", folder.display());
    Ok(())
}

fn build() -> Result<PathBuf> {
    println!("building the server in release mode (takes minutes the first time)");
    run::show(run::cargo().args(["build", "--release", "--quiet", "--locked", "--bin", "keyward"]))?;
    let server = run::target_directory()?.join("release/keyward");
    ensure!(Path::new(&server).is_file(), "there is no {}", server.display());
    Ok(server)
}
