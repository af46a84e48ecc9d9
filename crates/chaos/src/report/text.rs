//! Prints a report.

use std::collections::BTreeSet;
use std::fmt;

use super::Report;
use super::times::Times;
use crate::counters::{Got, Op};
use crate::history::{Ending, Validity};
use crate::plan::Mode;
use crate::schedule::Kind;
use keyward_testkit::http::Silence;

/// Maximum number of listed lost changes.
const LISTED: usize = 4;

/// Maximum number of printed explanations of each kind. The file contains all.
const PRINTED: usize = 3;

impl Report {
    fn write_faults(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by_kind: Vec<String> = Kind::ALL
            .into_iter()
            .map(|kind| (kind, self.faults(kind)))
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| format!("{kind} {count}"))
            .collect();
        writeln!(f, "faults: {} ({})", self.marks.len(), by_kind.join(", "))?;
        writeln!(
            f,
            "  a killed node, from its start until it was ready, while Postgres ran: {}",
            self.nodes_started()
        )?;
        let restarts = self.marks.iter().filter(|mark| mark.kind == Kind::Postgres).filter_map(|mark| mark.ready_in);
        writeln!(f, "  killed Postgres, from its start until it was ready: {}", Times::of(restarts))?;
        writeln!(f, "  first verdict of a node after Postgres was ready again: {}", self.verdicts_after_postgres())?;
        self.write_cuts(f)?;
        writeln!(f, "  failed starts without a database: {}", self.refused_starts)
    }

    fn write_cuts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, cut) in self.cuts.iter().enumerate() {
            let of_it = self.findings.cut.iter().filter(|it| it.cut == place).map(|it| &it.lost.entry);
            let listed: Vec<String> = of_it.map(|entry| format!("{} {}", entry.change.name(), entry.name)).collect();
            let more = listed.len().saturating_sub(LISTED);
            let shown = listed[..listed.len() - more].join(", ");
            let shown = if more > 0 { format!("{shown} and {more} more") } else { shown };
            let reports = cut.reports.iter().map(|report| format!("{} to {}", report.kept_up_to, report.had_up_to));
            let reports: BTreeSet<String> = reports.collect();
            writeln!(
                f,
                "  the database went back at {}: {} events lost; the service reports: {}; acknowledged \
                 changes that it lost and that were not repeated: {} ({shown})",
                cut.ended,
                cut.lost.len(),
                if reports.is_empty() { "none".to_owned() } else { reports.into_iter().collect::<Vec<_>>().join(", ") },
                listed.len(),
            )?;
        }
        Ok(())
    }

    fn write_requests(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n| request | all | 2xx | 503 | 504 | 401 | other 4xx | other | cut | no answer in time | no connection |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|---|---|")?;
        let ops: BTreeSet<Op> = self.counters.keys().map(|(op, _)| *op).collect();
        for op in ops {
            let of = |what: fn(Got) -> bool| self.count(|it, got| it == op && what(got));
            writeln!(
                f,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                op.name(),
                of(|_| true),
                of(|got| matches!(got, Ok(200..300))),
                of(|got| got == Ok(503)),
                of(|got| got == Ok(504)),
                of(|got| got == Ok(401)),
                of(|got| matches!(got, Ok(400 | 402..500))),
                of(|got| matches!(got, Ok(500 | 501 | 502 | 505..|..200| 300..400))),
                of(|got| got == Err(Silence::Cut)),
                of(|got| got == Err(Silence::TimedOut)),
                of(|got| got == Err(Silence::NoConnection)),
            )?;
        }
        writeln!(f)
    }

    fn write_times(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let acknowledged =
            || self.history.calls.iter().filter(|call| call.ending == Ending::Acknowledged && call.change.restricts());
        let during = |kinds: fn(Kind) -> bool| {
            let meets = move |from, until| {
                let after = self.settling_time();
                self.marks.iter().any(|mark| kinds(mark.kind) && mark.from <= until && from <= mark.until + after)
            };
            Times::of(
                acknowledged().filter(|call| meets(call.sent, call.ended)).map(|call| call.ended.since(call.sent)),
            )
        };
        let quiet = acknowledged().filter(|call| {
            !self.marks.iter().any(|mark| mark.from <= call.ended && call.sent <= mark.until + self.settling_time())
        });
        writeln!(f, "restricting changes, from request to 2xx (for information):")?;
        writeln!(f, "  all: {}", Times::of(acknowledged().map(|call| call.ended.since(call.sent))))?;
        writeln!(
            f,
            "  with repeats, until acknowledged: {}",
            Times::of(acknowledged().map(|call| call.ended.since(call.wanted)))
        )?;
        writeln!(f, "  no fault near: {}", Times::of(quiet.map(|call| call.ended.since(call.sent))))?;
        writeln!(f, "  while a node was dead, or shortly after: {}", during(|kind| kind == Kind::Kill))?;
        writeln!(f, "  while a node was stopped, or shortly after: {}", during(|kind| kind == Kind::Pause))?;
        let parked = during(|kind| kind == Kind::Parked);
        writeln!(f, "  while clients read no answers, or shortly after: {parked}")?;
        let log = during(|kind| kind == Kind::Log);
        writeln!(f, "  while a log was not read, or shortly after: {log}")?;
        writeln!(f, "  while a network was broken, or shortly after: {}", during(Kind::is_network))?;
        writeln!(f, "  while Postgres was dead, or shortly after: {}", during(|kind| kind == Kind::Postgres))?;
        writeln!(f, "  while the database went back, or shortly after: {}", during(Kind::goes_back))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.plan.line())?;
        self.write_faults(f)?;
        self.write_requests(f)?;
        let unanswered = |validity| self.history.seen.iter().filter(|seen| seen.validity == validity).count();
        writeln!(
            f,
            "verifications: {} with a verdict, {} answered 503 or 504, {} without an answer; {} of these without a \
             fault near",
            self.load().0,
            unanswered(Validity::Unavailable),
            unanswered(Validity::Nothing),
            self.unexplained(),
        )?;
        let (attacks, elsewhere) = self.attacks();
        let (soon, [start, storm, end]) = (super::IMMEDIATELY, self.took);
        writeln!(
            f,
            "attacks: {attacks} of these were sent within {soon:?} of the acknowledgement of a restriction, \
             {elsewhere} to another node"
        )?;
        let (verdicts, acknowledged) = self.load();
        let a_second =
            |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / storm.as_secs_f64().max(1.0);
        writeln!(
            f,
            "load: {:.0} verdicts and {:.1} acknowledged changes a second",
            a_second(verdicts),
            a_second(acknowledged)
        )?;
        writeln!(f, "took: start {start:.1?}, faults {storm:.1?}, final state {end:.1?}")?;
        writeln!(f, "answered INVALID after an acknowledged resume (no promise): {}", self.findings.late.len())?;
        self.write_times(f)?;
        writeln!(
            f,
            "breaches: {}; refusals without a cause: {}; acknowledged changes lost: {} of {} (and {} by the database \
             itself); losses of the database without a report: {}; nodes that ended by themselves: {}; errors of the \
             run: {}",
            self.breaches(),
            self.untrue_refusals(),
            self.lost(),
            self.acknowledged,
            self.cut_off(),
            self.unreported(),
            self.crashes(),
            self.errors.len(),
        )?;
        let is_control = matches!(self.plan.mode, Mode::Control(_));
        if is_control {
            writeln!(f, "this was a control with a planted defect")?;
        }
        self.explanations(if is_control { 1 } else { PRINTED })
            .iter()
            .try_for_each(|explanation| write!(f, "\n{explanation}"))
    }
}
