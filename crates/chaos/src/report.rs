//! The report of a run: its findings, and figures for information.
//!
//! Only findings decide whether a run passes.

mod text;
mod times;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::check::Findings;
use super::counters::{Got, Op};
use super::cut::Cut;
use super::explain;
use super::faults::Mark;
use super::history::{Ending, History, Seen, Thing, Validity};
use super::plan::{Plan, Profile};
use super::schedule::{Kind, Lane};
use keyward_testkit::clock::Moment;
use times::Times;

/// Without the protocol, a verification this soon after an acknowledgement would reach a node that has not applied the
/// change.
const IMMEDIATELY: Duration = Duration::from_millis(10);

/// The results of a run.
#[derive(Clone, Debug)]
pub struct Report {
    pub(super) plan: Plan,
    pub(super) history: History,
    pub(super) findings: Findings,
    pub(super) cuts: Vec<Cut>,
    pub(super) marks: Vec<Mark>,
    pub(super) counters: BTreeMap<(Op, Got), u64>,
    /// Number of entries in the ledger.
    pub(super) acknowledged: usize,
    /// Unexpected ends of nodes after they were ready.
    pub(super) crashes: Vec<String>,
    /// Errors of the run itself.
    pub(super) errors: Vec<String>,
    /// Number of failed starts without a database.
    pub(super) refused_starts: usize,
    /// Durations of the start, of the faults, and of reading the final state.
    pub(super) took: [Duration; 3],
}

impl Report {
    /// Number of verifications that got "valid" after a restriction was acknowledged, or for a lost credential.
    #[must_use]
    pub const fn breaches(&self) -> usize {
        self.findings.breaches.len() + self.findings.ghosts.len()
    }

    /// Number of verifications that got "invalid" although nothing had restricted the credential.
    #[must_use]
    pub const fn untrue_refusals(&self) -> usize {
        self.findings.untrue.len()
    }

    /// Number of acknowledged changes that are absent at the end and were not lost by the database itself.
    #[must_use]
    pub const fn lost(&self) -> usize {
        self.findings.lost.len()
    }

    /// Number of acknowledged changes that the database lost and that are absent at the end. The service cannot keep
    /// them; it must report them.
    #[must_use]
    pub const fn cut_off(&self) -> usize {
        self.findings.cut.len()
    }

    /// Number of cuts that lost acknowledged changes and that no node reported.
    #[must_use]
    pub const fn unreported(&self) -> usize {
        self.findings.unreported.len()
    }

    /// Number of unexpected ends of nodes.
    #[must_use]
    pub const fn crashes(&self) -> usize {
        self.crashes.len()
    }

    /// Whether there are no findings.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        let Self { errors, .. } = self;
        self.breaches() + self.untrue_refusals() + self.lost() + self.unreported() + self.crashes() + errors.len() == 0
    }

    /// The number of faults of this kind.
    #[must_use]
    pub fn faults(&self, kind: Kind) -> usize {
        self.marks.iter().filter(|mark| mark.kind == kind).count()
    }

    /// The numbers of verifications with a verdict and of acknowledged restricting changes.
    #[must_use]
    pub fn load(&self) -> (usize, usize) {
        let verdicts =
            self.history.seen.iter().filter(|seen| matches!(seen.validity, Validity::Valid | Validity::Invalid));
        (verdicts.count(), self.acknowledged)
    }

    /// Explains at most `most` findings of each kind.
    #[must_use]
    pub fn explanations(&self, most: usize) -> Vec<String> {
        let Self { history, marks, findings, crashes, errors, cuts, .. } = self;
        let breaches = findings.breaches.iter().take(most).map(|it| explain::of_breach(history, marks, it));
        let untrue = findings.untrue.iter().take(most).map(|it| explain::of_refusal(history, marks, *it));
        let lost = findings.lost.iter().take(most).map(|it| explain::of_lost(history, marks, it));
        let ghosts = findings.ghosts.iter().take(most).map(|it| explain::of_ghost(history, marks, it));
        let unreported =
            findings.unreported.iter().filter_map(|place| cuts.get(*place)).take(most).map(explain::of_unreported);
        let errors = errors.iter().take(most).map(|it| format!("{it}\n"));
        let crashes = crashes.iter().take(most).map(|it| format!("ended by itself: {it}\n"));
        breaches.chain(ghosts).chain(untrue).chain(lost).chain(unreported).chain(errors).chain(crashes).collect()
    }

    fn count(&self, of: impl Fn(Op, Got) -> bool) -> u64 {
        self.counters.iter().filter(|((op, got), _)| of(*op, *got)).map(|(_, count)| count).sum()
    }

    /// How long the effect of a fault may last: the duration of a lease, its guard and one round of the reaper.
    const fn settling_time(&self) -> Duration {
        match self.plan.profile {
            Profile::Quick => Duration::from_secs(4),
            Profile::Default => Duration::from_secs(8),
        }
    }

    /// Number of verifications without a verdict at a node without a fault at that time or shortly before.
    fn unexplained(&self) -> usize {
        let near = |seen: &Seen, mark: &Mark| {
            let here = mark.lane == Lane::Postgres || mark.lane == Lane::Node(usize::from(seen.node));
            here && mark.from <= seen.ended && seen.sent <= mark.until + self.settling_time()
        };
        let unanswered =
            self.history.seen.iter().filter(|seen| matches!(seen.validity, Validity::Unavailable | Validity::Nothing));
        unanswered.filter(|seen| !self.marks.iter().any(|mark| near(seen, mark))).count()
    }

    /// The number of verifications with a verdict that were sent right after a restriction of their credential was
    /// acknowledged, and the number of these that went to another node than the restriction.
    fn attacks(&self) -> (usize, usize) {
        let mut acknowledged: HashMap<Thing, Vec<(Moment, u8)>> = HashMap::new();
        for call in
            self.history.calls.iter().filter(|call| call.ending == Ending::Acknowledged && call.change.restricts())
        {
            for thing in &call.things {
                acknowledged.entry(*thing).or_default().push((call.ended, call.node));
            }
        }
        let just_before = |seen: &Seen| {
            let things = self.history.made(seen.credential).into_iter().flat_map(|made| &made.rests_on);
            let mut of_things = things.filter_map(|thing| acknowledged.get(thing)).flatten();
            of_things.find(|(at, _)| *at < seen.sent && seen.sent.since(*at) <= IMMEDIATELY).map(|(_, node)| *node)
        };
        let verdicts =
            self.history.seen.iter().filter(|seen| matches!(seen.validity, Validity::Valid | Validity::Invalid));
        verdicts.fold((0, 0), |(all, elsewhere), seen| match just_before(seen) {
            Some(node) => (all + 1, elsewhere + usize::from(node != seen.node)),
            None => (all, elsewhere),
        })
    }

    /// Times from the restart of a killed node until it was ready, if its database was available meanwhile.
    fn nodes_started(&self) -> Times {
        let starts = self.marks.iter().filter(|mark| mark.kind == Kind::Kill);
        let without = |start: &Mark| {
            let mut postgres = self.marks.iter().filter(|mark| mark.lane == Lane::Postgres);
            postgres.any(|mark| mark.from < start.until && start.from < mark.until)
        };
        Times::of(starts.filter(|start| !without(start)).filter_map(|start| start.ready_in))
    }

    /// Times from the restart of Postgres to the first verdict of each node without its own fault.
    fn verdicts_after_postgres(&self) -> Times {
        let nodes = 0..self.plan.nodes;
        let restarts = self.marks.iter().filter(|mark| mark.kind == Kind::Postgres);
        Times::of(restarts.flat_map(|mark| nodes.clone().filter_map(|node| self.first_verdict(node, mark))))
    }

    fn first_verdict(&self, node: usize, restart: &Mark) -> Option<Duration> {
        let here = self.history.seen.iter().filter(|seen| usize::from(seen.node) == node && seen.sent > restart.until);
        let first = here
            .filter(|seen| matches!(seen.validity, Validity::Valid | Validity::Invalid))
            .map(|seen| seen.ended)
            .min()?;
        let undisturbed = |mark: &Mark| mark.lane != Lane::Node(node) || mark.until < restart.from || mark.from > first;
        self.marks.iter().all(undisturbed).then(|| first.since(restart.until))
    }
}
