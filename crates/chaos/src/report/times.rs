//! Statistics of durations: number, median, 99th percentile and maximum.

use std::fmt;
use std::time::Duration;

/// Times in order.
pub(super) struct Times(Vec<Duration>);

impl Times {
    pub(super) fn of(times: impl Iterator<Item = Duration>) -> Self {
        let mut times: Vec<Duration> = times.collect();
        times.sort_unstable();
        Self(times)
    }

    /// The smallest duration that at least this percentage does not exceed.
    fn percentile(&self, percent: usize) -> Duration {
        let place = (self.0.len() * percent).div_ceil(100).saturating_sub(1);
        self.0.get(place).copied().unwrap_or_default()
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |percent| self.percentile(percent).as_secs_f64() * 1_000.0;
        match self.0.len() {
            0 => f.write_str("none"),
            count => {
                write!(f, "p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms ({count} times)", ms(50), ms(99), ms(100))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_measured_times() {
        let times = Times::of((1..=200).rev().map(Duration::from_millis));
        assert_eq!(times.to_string(), "p50 100.0 ms, p99 198.0 ms, max 200.0 ms (200 times)");
        assert_eq!(
            Times::of([Duration::from_millis(7)].into_iter()).to_string(),
            "p50 7.0 ms, p99 7.0 ms, max 7.0 ms (1 times)"
        );
        assert_eq!(Times::of(std::iter::empty()).to_string(), "none");
    }
}
