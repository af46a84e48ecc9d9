//! Figures of one run and their table. Medians, with the extremes beside them, so that noise shows.

use std::fmt;

/// One call against its yardstick.
pub(super) struct Row {
    name: String,
    yardstick: &'static str,
    pairs: Vec<(f64, f64)>,
}

impl Row {
    pub(super) fn new(name: String, yardstick: &'static str) -> Self {
        Self { name, yardstick, pairs: Vec::new() }
    }

    /// Both rates of one round, per second.
    pub(super) fn add(&mut self, rate: f64, yardstick: f64) {
        self.pairs.push((rate, yardstick));
    }
}

/// Everything that was measured.
pub(super) struct Report {
    rounds: u32,
    seconds: u32,
    connections: u32,
    rows: Vec<Row>,
    singles: Vec<(String, Vec<f64>, &'static str)>,
}

impl Report {
    pub(super) fn new(rounds: u32, seconds: u32, connections: u32) -> Self {
        Self { rounds, seconds, connections, rows: Vec::new(), singles: Vec::new() }
    }

    pub(super) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// A figure that has no yardstick.
    pub(super) fn single(&mut self, name: &str, values: Vec<f64>, unit: &'static str) {
        self.singles.push((name.to_owned(), values, unit));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, seconds, connections, .. } = self;
        writeln!(
            f,
            "\n{rounds} rounds of {seconds} s each, {connections} connections; load and server share the machine.\n"
        )?;
        writeln!(f, "| figure | min | median | max |\n|---|---|---|---|")?;
        for (name, values, unit) in &self.singles {
            let (min, median, max) = spread(values);
            writeln!(f, "| {name} | {min:.1} {unit} | {median:.1} {unit} | {max:.1} {unit} |")?;
        }
        writeln!(
            f,
            "\n| call | per second: min | median | max | ÷ yardstick: min | median | max | yardstick (median per second) |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|")?;
        for row in &self.rows {
            let rates: Vec<f64> = row.pairs.iter().map(|(rate, _)| *rate).collect();
            let ratios: Vec<f64> = row.pairs.iter().map(|(rate, yardstick)| rate / yardstick).collect();
            let yardsticks: Vec<f64> = row.pairs.iter().map(|(_, yardstick)| *yardstick).collect();
            let (min, median, max) = spread(&rates);
            let (low, middle, high) = spread(&ratios);
            let (_, yardstick, _) = spread(&yardsticks);
            writeln!(
                f,
                "| {} | {min:.0} | {median:.0} | {max:.0} | {low:.2} | {middle:.2} | {high:.2} | {} ({yardstick:.0}) |",
                row.name, row.yardstick
            )?;
        }
        Ok(())
    }
}

/// The least, the middle and the greatest; zeros of nothing.
fn spread(values: &[f64]) -> (f64, f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let at = |place: usize| sorted.get(place).copied().unwrap_or_default();
    (at(0), at(sorted.len() / 2), at(sorted.len().saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    //! The table says what was measured.
    use super::*;

    #[test]
    fn the_middle_is_the_median_and_a_ratio_is_taken_within_its_round() {
        let mut row = Row::new("verify".into(), "bare");
        for (rate, yardstick) in [(50.0, 100.0), (10.0, 10.0), (90.0, 100.0)] {
            row.add(rate, yardstick);
        }
        let mut report = Report::new(3, 1, 16);
        report.add(row);
        report.single("start", vec![3.0, 1.0, 2.0], "ms");
        let text = report.to_string();
        assert!(text.contains("| verify | 10 | 50 | 90 | 0.50 | 0.90 | 1.00 | bare (100) |"), "{text}");
        assert!(text.contains("| start | 1.0 ms | 2.0 ms | 3.0 ms |"), "{text}");
    }
}
