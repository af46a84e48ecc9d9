//! Draws the faults of a run and their times from a seed, before the run begins.
//!
//! Pure: the same plan and seed give the same faults. Each node and Postgres has its own lane. Faults of different
//! lanes may overlap, faults of one lane never do.

use std::fmt;
use std::time::Duration;

use super::goback;
use keyward_testkit::clock::Moment;
use keyward_testkit::proxy::{Network, Way};
use keyward_testkit::rng::Rng;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Data between a node and Postgres is delayed by up to 3 s, in one direction or both.
    Delay,
    /// Open and new connections between a node and Postgres are reset.
    Cut,
    /// Data between a node and Postgres does not arrive, in one direction or both; some of it arrives much later.
    HalfOpen,
    /// Data between a node and Postgres passes at 1 kB/s.
    Slow,
    /// SIGKILL to a node, and a later restart.
    Kill,
    /// SIGSTOP to a node, and a later SIGCONT.
    Pause,
    /// Clients send many requests to a node and read no answer.
    Parked,
    /// The log of a node is full and is not read for some time; then it is read again, or closed.
    Log,
    /// SIGKILL to Postgres and all its processes, and a later restart.
    Postgres,
    /// A base backup that is some seconds old replaces the data of Postgres, under running nodes.
    PutBack,
    /// Postgres ends, and a lagging or synchronous standby is promoted.
    Promoted,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 11] = [
        Self::Delay,
        Self::Cut,
        Self::HalfOpen,
        Self::Slow,
        Self::Kill,
        Self::Pause,
        Self::Parked,
        Self::Log,
        Self::Postgres,
        Self::PutBack,
        Self::Promoted,
    ];

    /// Whether it affects the network of one node.
    #[must_use]
    pub const fn is_network(self) -> bool {
        matches!(self, Self::Delay | Self::Cut | Self::HalfOpen | Self::Slow)
    }

    /// Whether it affects Postgres itself.
    #[must_use]
    pub const fn is_of_postgres(self) -> bool {
        matches!(self, Self::Postgres | Self::PutBack | Self::Promoted)
    }

    /// Whether the database goes back, so that another history begins.
    #[must_use]
    pub const fn goes_back(self) -> bool {
        matches!(self, Self::PutBack | Self::Promoted)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Delay => "delay",
            Self::Cut => "cut",
            Self::HalfOpen => "half-open",
            Self::Slow => "slow",
            Self::Kill => "node killed",
            Self::Pause => "node paused",
            Self::Parked => "clients parked",
            Self::Log => "log blocked",
            Self::Postgres => "Postgres killed",
            Self::PutBack => "database put back",
            Self::Promoted => "standby promoted",
        })
    }
}

/// The number of faults of each kind.
pub(super) type Counts = [(Kind, usize)];

/// The target of a fault. Faults of one lane never overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    Node(usize),
    Postgres,
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(node) => write!(f, "node {node}"),
            Self::Postgres => f.write_str("Postgres"),
        }
    }
}

/// A fault with its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Network(Network),
    Kill,
    Pause,
    Parked,
    Log { reads_again: bool },
    Postgres,
    GoesBack(goback::Way),
}

/// A fault with its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) lane: Lane,
    pub(super) at: Moment,
    pub(super) lasts: Duration,
    pub(super) kind: Kind,
    pub(super) fault: Fault,
}

/// Maximum delay of the network.
const LATEST: Duration = Duration::from_secs(3);

/// The bounds of the duration of a fault of this kind, at most `longest`.
fn bounds(kind: Kind, longest: Duration) -> (Duration, Duration) {
    let (least, most) = match kind {
        Kind::Delay | Kind::Cut | Kind::HalfOpen | Kind::Slow | Kind::Parked | Kind::Log => {
            (Duration::from_millis(200), longest)
        }
        // Until its restart, without the time that the restart takes.
        Kind::Kill | Kind::Postgres => (Duration::from_millis(1), Duration::from_secs(2)),
        Kind::Pause => (Duration::from_millis(10), longest),
        // The age of the copy, without the time that the replacement takes.
        Kind::PutBack | Kind::Promoted => (Duration::from_secs(1), Duration::from_secs(4)),
    };
    (least.min(longest), most.min(longest))
}

/// Draws all faults of a run of this duration, ordered by lane and time.
pub(super) fn draw(counts: &Counts, nodes: usize, run: Duration, longest: Duration, rng: &Rng) -> Vec<Planned> {
    let mut shuffling = rng.stream(0);
    let select = |kinds: fn(Kind) -> bool| -> Vec<Kind> {
        let chosen = counts.iter().filter(|(kind, _)| kinds(*kind));
        chosen.flat_map(|(kind, count)| std::iter::repeat_n(*kind, *count)).collect()
    };
    let mut of_nodes = select(|kind| !kind.is_of_postgres());
    shuffling.shuffle(&mut of_nodes);
    let mut of_postgres = select(Kind::is_of_postgres);
    shuffling.shuffle(&mut of_postgres);
    let mut all = Vec::new();
    for node in 0..nodes {
        let kinds: Vec<Kind> = of_nodes.iter().skip(node).step_by(nodes).copied().collect();
        all.extend(lane(Lane::Node(node), &kinds, run, longest, &mut shuffling));
    }
    all.extend(lane(Lane::Postgres, &of_postgres, run, longest, &mut shuffling));
    all
}

/// Draws a duration between the bounds, in whole milliseconds.
fn time(rng: &mut Rng, least: Duration, most: Duration) -> Duration {
    let millis = |it: Duration| u64::try_from(it.as_millis()).unwrap_or(u64::MAX);
    rng.doubling(millis(least), millis(most))
}

/// Spreads the faults of one lane over the run, with quiet times before each and after the last.
fn lane(lane: Lane, kinds: &[Kind], run: Duration, longest: Duration, rng: &mut Rng) -> Vec<Planned> {
    let Ok(count) = u32::try_from(kinds.len()) else { return Vec::new() };
    let mut times: Vec<Duration> = kinds
        .iter()
        .map(|kind| {
            let (least, most) = bounds(*kind, longest);
            time(rng, least, most)
        })
        .collect();
    // If they would fill more than three quarters of the run, all are shortened.
    let (wanted, room) = (times.iter().sum::<Duration>(), run / 4 * 3);
    if wanted > room {
        let per_mille = room.as_millis().saturating_mul(1_000).checked_div(wanted.as_millis()).unwrap_or_default();
        let per_mille = u32::try_from(per_mille).unwrap_or(1_000);
        for time in &mut times {
            *time = *time / 1_000 * per_mille;
        }
    }
    // Quiet times differ in length; each is at least half of an even share.
    let quiet = run.saturating_sub(times.iter().sum());
    let even = quiet / 2 / (count + 1);
    let weights: Vec<u32> = (0..=count).map(|_| u32::try_from(rng.below(100)).unwrap_or_default() + 1).collect();
    let unit = quiet / 2 / weights.iter().sum::<u32>().max(1);
    let mut at = Moment::START;
    let mut planned: Vec<Planned> = Vec::new();
    for ((kind, lasts), weight) in kinds.iter().zip(times).zip(weights) {
        at = at + even + unit * weight;
        let before = planned.iter().filter(|it| it.kind == *kind).count();
        planned.push(Planned { lane, at, lasts, kind: *kind, fault: fault(*kind, before, rng) });
        at = at + lasts;
    }
    planned
}

/// Kinds with two variants alternate between them in each lane.
fn fault(kind: Kind, before: usize, rng: &mut Rng) -> Fault {
    let is_even = before.is_multiple_of(2);
    let way = [Way::Up, Way::Down, Way::Both][rng.place(3)];
    let mut late = |ways: [Way; 2]| if ways.contains(&way) { time(rng, LATEST / 300, LATEST) } else { Duration::ZERO };
    match kind {
        Kind::Delay => {
            let (up, down) = (late([Way::Up, Way::Both]), late([Way::Down, Way::Both]));
            Fault::Network(Network::Delay { up, down })
        }
        Kind::Cut => Fault::Network(Network::Cut),
        Kind::HalfOpen => Fault::Network(Network::HalfOpen { way, kept: rng.percent(50) }),
        Kind::Slow => Fault::Network(Network::Slow),
        Kind::Kill => Fault::Kill,
        Kind::Pause => Fault::Pause,
        Kind::Parked => Fault::Parked,
        Kind::Log => Fault::Log { reads_again: rng.percent(50) },
        Kind::Postgres => Fault::Postgres,
        Kind::PutBack => Fault::GoesBack(goback::Way::PutBack { overtaken: is_even }),
        Kind::Promoted => Fault::GoesBack(goback::Way::Promoted { lagging: is_even }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: Duration = Duration::from_mins(10);
    const LONGEST: Duration = Duration::from_secs(10);
    const EACH: [(Kind, usize); 11] = [
        (Kind::Delay, 50),
        (Kind::Cut, 50),
        (Kind::HalfOpen, 50),
        (Kind::Slow, 50),
        (Kind::Kill, 100),
        (Kind::Pause, 300),
        (Kind::Parked, 30),
        (Kind::Log, 30),
        (Kind::Postgres, 20),
        (Kind::PutBack, 6),
        (Kind::Promoted, 6),
    ];

    fn drawn(seed: u64) -> Vec<Planned> {
        draw(&EACH, 3, RUN, LONGEST, &Rng::of_seed(seed))
    }

    #[test]
    fn every_requested_fault_is_drawn() {
        for (kind, count) in EACH {
            assert_eq!(drawn(1).iter().filter(|planned| planned.kind == kind).count(), count, "{kind}");
        }
    }

    #[test]
    fn a_seed_always_draws_the_same_and_another_seed_something_else() {
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
    }

    #[test]
    fn faults_of_one_lane_never_overlap_and_all_end_before_the_run() {
        for seed in 0..20 {
            let all = drawn(seed);
            for lane in [Lane::Node(0), Lane::Node(1), Lane::Node(2), Lane::Postgres] {
                let of_lane: Vec<&Planned> = all.iter().filter(|planned| planned.lane == lane).collect();
                assert!(of_lane.len() >= 20, "{lane}");
                assert!(of_lane.windows(2).all(|two| two[0].at + two[0].lasts < two[1].at), "{lane}");
                let last = of_lane.last().unwrap();
                assert!(last.at + last.lasts < Moment::START + RUN, "{lane}");
            }
        }
    }

    #[test]
    fn faults_of_different_lanes_overlap() {
        let all = drawn(1);
        let meets = |one: &Planned, other: &Planned| {
            one.lane != other.lane && one.at < other.at && other.at < one.at + one.lasts
        };
        assert!(all.iter().any(|one| all.iter().any(|other| meets(one, other))));
    }

    #[test]
    fn every_variant_of_a_network_fault_is_drawn() {
        let all = drawn(1);
        let has = |what: fn(Network) -> bool| {
            let mut networks = all.iter().filter_map(|planned| match planned.fault {
                Fault::Network(network) => Some(network),
                Fault::Kill
                | Fault::Pause
                | Fault::Parked
                | Fault::Log { .. }
                | Fault::Postgres
                | Fault::GoesBack(_) => None,
            });
            assert!(networks.any(what));
        };
        has(|network| matches!(network, Network::Delay { up, down } if up > Duration::ZERO && down > Duration::ZERO));
        has(|network| matches!(network, Network::Delay { up: Duration::ZERO, .. }));
        has(|network| matches!(network, Network::Delay { down: Duration::ZERO, .. }));
        for way in [Way::Up, Way::Down, Way::Both] {
            for kept in [true, false] {
                let wanted = Network::HalfOpen { way, kept };
                assert!(all.iter().any(|planned| planned.fault == Fault::Network(wanted)), "{wanted:?}");
            }
        }
    }

    #[test]
    fn every_way_back_is_drawn_and_logs_are_read_again_or_closed() {
        use goback::Way::{Promoted, PutBack};
        let ways = [true, false].map(|way| [PutBack { overtaken: way }, Promoted { lagging: way }]);
        let backs = ways.into_iter().flatten().map(Fault::GoesBack);
        let logs = [true, false].map(|reads_again| Fault::Log { reads_again });
        for wanted in backs.chain(logs) {
            let drawn = drawn(1).into_iter().filter(|planned| planned.fault == wanted).count();
            assert!(drawn >= 3, "{wanted:?}: {drawn}");
        }
    }
}
