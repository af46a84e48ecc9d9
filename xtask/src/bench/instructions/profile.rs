//! A profile in callgrind's format: the instructions of each function itself.

use std::collections::HashMap;

use anyhow::{Result, ensure};

/// Instructions by function.
#[derive(Debug, Default)]
pub(super) struct Profile(HashMap<String, u64>);

impl Profile {
    /// Reads callgrind's format with one event and lines as positions; an error if it is empty.
    pub(super) fn read(text: &str) -> Result<Self> {
        let (mut costs, mut function, mut is_call) = (HashMap::new(), String::new(), false);
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("fn=") {
                name.clone_into(&mut function);
            } else if line.starts_with("calls=") {
                is_call = true;
            } else if line.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '*')) {
                // The line after a call holds the instructions of the callee, which are counted there.
                if !std::mem::take(&mut is_call) {
                    let cost = line.split(' ').nth(1).and_then(|cost| cost.parse::<u64>().ok()).unwrap_or(0);
                    *costs.entry(function.clone()).or_default() += cost;
                }
            }
        }
        ensure!(costs.values().any(|cost| *cost > 0), "valgrind counted nothing: is the counted function still there?");
        Ok(Self(costs))
    }

    /// Instructions of one of `times` repetitions, without the functions whose names contain one of these.
    pub(super) fn count(&self, times: u32, without: &[&str]) -> u64 {
        let counts = |name: &str| !without.iter().any(|part| name.contains(part));
        let all: u64 = self.0.iter().filter(|(name, _)| counts(name)).map(|(_, cost)| cost).sum();
        all / u64::from(times.max(1))
    }

    /// Functions by their instructions in one of `times` repetitions, the busiest first.
    pub(super) fn busiest(&self, times: u32) -> Vec<(u64, &str)> {
        let each = |cost: &u64| cost / u64::from(times.max(1));
        let mut busiest: Vec<_> = self.0.iter().map(|(name, cost)| (each(cost), name.as_str())).collect();
        busiest.sort_unstable_by(|one, other| other.cmp(one));
        busiest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "version: 1\npositions: line\nevents: Ir\nsummary: 999\n\n\
                        fn=main\n0 10\ncfn=sha2::compress\ncalls=2 0\n0 80\n+3 5\n\n\
                        fn=sha2::compress\n0 80\n\nfn=main\n* 5\n";

    #[test]
    fn costs_of_calls_belong_to_the_callee_and_a_function_may_appear_several_times() {
        let profile = Profile::read(TEXT).unwrap();
        assert_eq!(profile.count(1, &[]), 100);
        assert_eq!(profile.count(2, &["sha2::"]), 10);
        assert_eq!(profile.busiest(1), [(80, "sha2::compress"), (20, "main")]);
    }

    #[test]
    fn an_empty_profile_is_an_error() {
        assert!(Profile::read("version: 1\nsummary: 0\n").is_err());
    }
}
