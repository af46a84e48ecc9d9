//! Figures of one run and their tables: minimum, median and maximum of several rounds, so that noise is visible.

use std::fmt;

/// The target of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Target {
    /// No target: for orientation.
    None,
    /// The median is at least this.
    AtLeast(f64),
    /// The median is at most this.
    AtMost(f64),
    /// Every single round is at most this.
    Always(f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Ratio,
    PerSecond,
    Milliseconds,
    Microseconds,
    Nanoseconds,
    Mebibytes,
    Bytes,
    Count,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Ratio => format!("{value:.2}"),
            Self::PerSecond => format!("{value:.0}/s"),
            Self::Milliseconds if value >= 1_000.0 => format!("{:.2} s", value / 1_000.0),
            Self::Milliseconds => format!("{value:.2} ms"),
            Self::Microseconds => format!("{value:.1} µs"),
            Self::Nanoseconds => format!("{value:.0} ns"),
            Self::Mebibytes => format!("{value:.1} MiB"),
            Self::Bytes => format!("{value:.0} bytes"),
            Self::Count => format!("{value:.0}"),
        }
    }
}

/// One figure, measured several times.
struct Figure {
    name: String,
    target: Target,
    unit: Unit,
    values: Vec<f64>,
}

/// Everything that was measured.
#[derive(Default)]
pub(super) struct Report(Vec<Figure>);

/// The heads of the two tables.
pub(super) const TARGETS_HEAD: &str = "| figure | to reach | min | median | max | reached |\n|---|---|---|---|---|---|";
pub(super) const OTHERS_HEAD: &str = "| figure | min | median | max |\n|---|---|---|---|";

impl Report {
    /// Adds one round to a figure that has a target.
    pub(super) fn add(&mut self, name: impl Into<String>, target: Target, unit: Unit, value: f64) {
        let name = name.into();
        match self.0.iter_mut().find(|figure| figure.name == name) {
            Some(figure) => figure.values.push(value),
            None => self.0.push(Figure { name, target, unit, values: vec![value] }),
        }
    }

    /// Adds one round to a figure without a target, unless this machine cannot measure it.
    pub(super) fn note(&mut self, name: impl Into<String>, unit: Unit, value: impl Into<Option<f64>>) {
        if let Some(value) = value.into() {
            self.add(name, Target::None, unit, value);
        }
    }

    /// Adds one round of times in milliseconds by two percentiles, each of which may have a target.
    pub(super) fn add_times(&mut self, name: &str, times: &[f64], p50: Target, p99: Target) {
        self.add(format!("{name}, p50"), p50, Unit::Milliseconds, percentile(times, 50));
        self.add(format!("{name}, p99"), p99, Unit::Milliseconds, percentile(times, 99));
    }

    /// Adds the figures of a row.
    pub(super) fn append(&mut self, row: Self) {
        self.0.extend(row.0);
    }

    /// The lines of the table of figures that have a target, or of the table of the others.
    pub(super) fn lines(&self, with_target: bool) -> Vec<String> {
        self.0.iter().filter(|figure| (figure.target != Target::None) == with_target).map(Figure::line).collect()
    }
}

impl Figure {
    fn line(&self) -> String {
        let spread = [0, 50, 100].map(|percent| percentile(&self.values, percent));
        let [_, median, max] = spread;
        let shown = spread.map(|value| self.unit.show(value)).join(" | ");
        let judged = |sign: &str, limit: f64, is_reached: bool| {
            let reached = if is_reached { "yes" } else { "**no**" };
            format!("| {} | {sign} {} | {shown} | {reached} |", self.name, self.unit.show(limit))
        };
        match self.target {
            Target::None => format!("| {} | {shown} |", self.name),
            Target::AtLeast(least) => judged("≥", least, median >= least),
            Target::AtMost(most) => judged("≤", most, median <= most),
            Target::Always(most) => judged("always ≤", most, max <= most),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{TARGETS_HEAD}\n{}\n", self.lines(true).join("\n"))?;
        writeln!(f, "{OTHERS_HEAD}\n{}", self.lines(false).join("\n"))
    }
}

/// The value that this percentage does not exceed; zero if there are none.
pub(super) fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let place = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_judged_by_its_median_or_by_its_worst_round() {
        let mut report = Report::default();
        for round in [0.95, 0.85, 0.91] {
            report.add("ratio", Target::AtLeast(0.90), Unit::Ratio, round);
            report.add("time", Target::AtMost(0.90), Unit::Milliseconds, round);
            report.add("worst", Target::Always(0.92), Unit::Milliseconds, round);
            report.note("rate", Unit::PerSecond, round * 100.0);
            report.note("unknown", Unit::PerSecond, None);
        }
        assert_eq!(
            report.lines(true),
            [
                "| ratio | ≥ 0.90 | 0.85 | 0.91 | 0.95 | yes |",
                "| time | ≤ 0.90 ms | 0.85 ms | 0.91 ms | 0.95 ms | **no** |",
                "| worst | always ≤ 0.92 ms | 0.85 ms | 0.91 ms | 0.95 ms | **no** |",
            ]
        );
        assert_eq!(report.lines(false), ["| rate | 85/s | 91/s | 95/s |"]);
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        let shown = |values: &[f64], percent| Unit::Count.show(percentile(values, percent));
        assert_eq!([0, 50, 99, 100].map(|percent| shown(&values, percent)), ["1", "101", "199", "200"]);
        assert_eq!((shown(&[7.0], 99), shown(&[], 50)), ("7".into(), "0".into()));
    }
}
