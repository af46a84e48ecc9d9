//! The plan of a run: the kinds, number and duration of its faults, and its load.
//!
//! The sizes are those of T7, T8 and T10 in the test plan. Starts nothing.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::control::Planted;
use super::schedule::Kind;
use keyward_testkit::rng::any_seed;

/// The kinds of faults of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// T7: the network between nodes and Postgres.
    Network,
    /// T8: SIGKILL to nodes and to Postgres.
    Kills,
    /// T10: SIGSTOP to nodes.
    Pauses,
    /// The database goes back: a backup is restored, or a standby is promoted.
    Back,
    /// All four, and also clients that park and logs that block.
    All,
    /// No fault, but a defect that the check must find.
    Control(Planted),
}

impl Mode {
    fn name(self) -> String {
        match self {
            Self::Network => "network".into(),
            Self::Kills => "kills".into(),
            Self::Pauses => "pauses".into(),
            Self::Back => "back".into(),
            Self::All => "all".into(),
            Self::Control(planted) => {
                let name = Planted::ALL.into_iter().find(|(_, it)| *it == planted).map_or("", |(name, _)| name);
                format!("control {name}")
            }
        }
    }

    /// The figures of the test plan.
    fn counts(self) -> Vec<(Kind, usize)> {
        let network = [(Kind::Delay, 50), (Kind::Cut, 50), (Kind::HalfOpen, 60), (Kind::Slow, 40)];
        let kills = [(Kind::Kill, 100), (Kind::Postgres, 20)];
        let backs = [(Kind::PutBack, 20), (Kind::Promoted, 20)];
        // Rare: after each, changes wait until every earlier lease has ended.
        let rare = [(Kind::PutBack, 6), (Kind::Promoted, 6)];
        let pauses = [(Kind::Pause, 300)];
        let others = [(Kind::Parked, 30), (Kind::Log, 30)];
        match self {
            Self::Network => network.to_vec(),
            Self::Kills => kills.to_vec(),
            Self::Pauses => pauses.to_vec(),
            Self::Back => backs.to_vec(),
            Self::All => [network.as_slice(), &kills, &pauses, &others, &rare].concat(),
            Self::Control(_) => Vec::new(),
        }
    }

    const fn duration(self) -> Duration {
        match self {
            Self::Network | Self::Kills | Self::Pauses | Self::Back => Duration::from_mins(10),
            Self::All => Duration::from_mins(30),
            Self::Control(_) => Duration::from_mins(2),
        }
    }
}

/// The lease profile of the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// A lease of 2 s, for tests.
    Quick,
    /// The default of the service.
    Default,
}

/// Build in release mode, run nodes on a Postgres under load, and inject faults; fail if a revoked key was accepted, if
/// the service lost an acknowledged change, or if no node reported a loss of the database
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Faults of the network, killed nodes and databases, stopped nodes, a database that goes back (a restored backup,
    /// a promoted standby), all of these with clients that read no answers and logs that are not read; or no fault,
    /// but a defect that the check must find
    #[arg(default_value = "all", value_parser = ["network", "kills", "pauses", "back", "all", "control"])]
    faults: String,
    /// The defect of a control
    #[arg(required_if_eq("faults", "control"), value_parser = planted())]
    planted: Option<Planted>,
    /// A small run, as in the tests
    #[arg(long)]
    short: bool,
    /// Duration of the faults
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Seed of another run, to repeat its faults
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Number of nodes, at least two
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=9))]
    nodes: Option<u8>,
    /// The lease profile of the nodes
    #[arg(long)]
    profile: Option<Profile>,
    /// Path of the server; built if absent
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
}

fn planted() -> impl TypedValueParser<Value = Planted> {
    let names = Planted::ALL.map(|(name, _)| name);
    PossibleValuesParser::new(names).try_map(|name| {
        let planted = Planted::ALL.into_iter().find(|(it, _)| *it == name);
        planted.map(|(_, planted)| planted).context("no such defect")
    })
}

/// The load: rates and numbers of clients.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Total verifications a second, without those right before and after a revocation.
    pub verifications: u32,
    /// Revocations a second that begin while no fault delays them.
    pub revocations: u32,
    /// Clients of each node that verify at their own pace.
    pub verifiers: u32,
    /// Clients of each node that verify credentials that were just restricted.
    pub probers: u32,
    /// Clients that revoke.
    pub revokers: u32,
    /// Clients that suspend, resume and close.
    pub suspenders: u32,
}

/// The plan of one run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The kinds of faults.
    pub mode: Mode,
    /// The number of faults of each kind.
    pub counts: Vec<(Kind, usize)>,
    /// Duration of the faults, without start and check. A control ends as soon as it shows its defect.
    pub duration: Duration,
    /// Maximum duration of a pause or a fault of the network.
    pub longest: Duration,
    /// Seed of the faults and the load.
    pub seed: u64,
    /// Number of nodes.
    pub nodes: usize,
    /// Their lease profile.
    pub profile: Profile,
    /// The load.
    pub load: Load,
    /// The binary; built in release mode if absent.
    pub server: Option<PathBuf>,
    /// Whether it is a small run.
    short: bool,
}

impl Plan {
    /// A plan in the sizes of the test plan, with a new seed.
    #[must_use]
    pub fn full(mode: Mode) -> Self {
        Self {
            mode,
            counts: mode.counts(),
            duration: mode.duration(),
            longest: Duration::from_secs(10),
            seed: any_seed(),
            nodes: 3,
            profile: Profile::Default,
            load: Load { verifications: 500, revocations: 20, verifiers: 4, probers: 4, revokers: 32, suspenders: 4 },
            server: None,
            short: false,
        }
    }

    /// A small plan for the tests: some faults of every kind in the mode, on nodes with short leases.
    #[must_use]
    pub fn short(mode: Mode) -> Self {
        let full = Self::full(mode);
        Self {
            counts: full.counts.iter().map(|(kind, _)| (*kind, if kind.goes_back() { 1 } else { 3 })).collect(),
            duration: if full.counts.is_empty() { full.duration } else { Duration::from_mins(1) },
            nodes: if full.counts.is_empty() { 2 } else { full.nodes },
            longest: Duration::from_secs(5),
            profile: Profile::Quick,
            load: Load { verifications: 60, revocations: 6, verifiers: 2, probers: 3, revokers: 12, suspenders: 2 },
            short: true,
            ..full
        }
    }

    /// The plan that these options select.
    ///
    /// # Errors
    /// If a defect is combined with faults, or the path of the server has no absolute form.
    pub fn of(options: Options) -> Result<Self> {
        let mode = match (options.faults.as_str(), options.planted) {
            ("control", Some(planted)) => Mode::Control(planted),
            ("network", None) => Mode::Network,
            ("kills", None) => Mode::Kills,
            ("pauses", None) => Mode::Pauses,
            ("back", None) => Mode::Back,
            ("all", None) => Mode::All,
            (faults, _) => bail!("a defect is planted in a control only, not with `{faults}`"),
        };
        let mut plan = if options.short { Self::short(mode) } else { Self::full(mode) };
        if let Some(seconds) = options.seconds {
            plan.last(Duration::from_secs(seconds));
        }
        plan.seed = options.seed.unwrap_or(plan.seed);
        plan.nodes = options.nodes.map_or(plan.nodes, usize::from);
        plan.profile = options.profile.unwrap_or(plan.profile);
        plan.server = options.server.map(std::path::absolute).transpose()?;
        Ok(plan)
    }

    /// Sets the duration. Faults are as frequent as in the full size, but there are at least three of each kind, or one
    /// if the database goes back.
    fn last(&mut self, duration: Duration) {
        let full = self.duration.as_secs().max(1);
        for (kind, count) in &mut self.counts {
            let share = u64::try_from(*count).unwrap_or(u64::MAX).saturating_mul(duration.as_secs()) / full;
            let least = if kind.goes_back() { 1 } else { 3 };
            *count = usize::try_from(share).unwrap_or(usize::MAX).max(least);
        }
        self.duration = duration;
    }

    /// Number of partners to suspend and close. They cannot be created over HTTP, and each suspending client closes
    /// about one per minute. Nothing restricts the first one.
    pub(super) fn partners(&self) -> u64 {
        1 + u64::from(self.load.suspenders) * (2 + self.duration.as_secs() / 60)
    }

    /// Maximum time that a client waits for a verification. Longer than any pause, so that a stopped node can answer
    /// when it continues.
    pub(super) fn timeout(&self) -> Duration {
        self.longest + Duration::from_secs(5)
    }

    /// How long a node answers from memory after it sent its last renewal, as in the profiles of the service.
    pub(super) const fn lease(&self) -> Duration {
        match self.profile {
            Profile::Quick => Duration::from_secs(2),
            Profile::Default => Duration::from_secs(5),
        }
    }

    /// Maximum time that a client waits for a restricting change: the time limit of the service plus a pause.
    pub(super) fn timeout_for_a_barrier(&self) -> Duration {
        self.longest + Duration::from_secs(12)
    }

    /// The command line that repeats the run.
    pub(super) fn line(&self) -> String {
        let Self { mode, seed, duration, nodes, profile, .. } = self;
        let profile = match profile {
            Profile::Quick => "quick",
            Profile::Default => "default",
        };
        let seconds = duration.as_secs();
        let size = if self.short { " --short" } else { "" };
        format!("chaos {}{size} --seconds {seconds} --seed {seed} --nodes {nodes} --profile {profile}", mode.name())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn parse(words: &[&str]) -> Result<Plan> {
        Plan::of(Line::try_parse_from([&["chaos"], words].concat())?.options)
    }

    fn count(plan: &Plan, kind: Kind) -> usize {
        plan.counts.iter().filter(|(it, _)| *it == kind).map(|(_, count)| count).sum()
    }

    #[test]
    fn without_arguments_all_faults_have_the_sizes_of_the_test_plan() {
        let plan = parse(&[]).unwrap();
        let network: usize =
            Kind::ALL.into_iter().filter(|kind| kind.is_network()).map(|kind| count(&plan, kind)).sum();
        assert_eq!(network, 200);
        let others = [Kind::Kill, Kind::Postgres, Kind::Pause, Kind::Parked, Kind::Log].map(|kind| count(&plan, kind));
        assert_eq!(others, [100, 20, 300, 30, 30]);
        assert_eq!([Kind::PutBack, Kind::Promoted].map(|kind| count(&plan, kind)), [6, 6]);
        assert_eq!((plan.load.verifications, plan.load.revocations, plan.nodes), (500, 20, 3));
    }

    #[test]
    fn a_shorter_run_has_fewer_faults_but_some_of_each() {
        let plan = parse(&["kills", "--seconds", "60", "--seed", "7"]).unwrap();
        assert_eq!((count(&plan, Kind::Kill), count(&plan, Kind::Postgres), count(&plan, Kind::Pause)), (10, 3, 0));
        assert_eq!(plan.seed, 7);
        assert_eq!(plan.line(), "chaos kills --seconds 60 --seed 7 --nodes 3 --profile default");
    }

    #[test]
    fn the_line_of_a_run_repeats_it() {
        for words in [
            &["all"][..],
            &["network"],
            &["pauses", "--profile", "quick"],
            &["kills", "--short"],
            &["back"],
            &["control", "stale"],
            &["control", "lease"],
        ] {
            let plan = parse(words).unwrap();
            let line = plan.line();
            let again: Vec<&str> = line.split(' ').skip(1).collect();
            assert_eq!(parse(&again).unwrap().line(), line);
        }
    }

    #[test]
    fn unknown_arguments_are_refused() {
        for words in [
            &["storm"][..],
            &["--seconds"],
            &["--seconds", "soon"],
            &["--nodes", "1"],
            &["all", "--profile", "ha"],
            &["control"],
            &["control", "it"],
            &["all", "stale"],
        ] {
            assert!(parse(words).is_err(), "{words:?}");
        }
    }
}
