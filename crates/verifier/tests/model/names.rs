//! Names shared by both models: the key under test, the changes, the processes, the time.

use std::time::Duration;

use keyward_domain::KeyId;
use keyward_storage::{NodeId, Target};
use keyward_verifier::protocol::BootInstant;
use uuid::Uuid;

/// The key under test.
pub(crate) const KEY: Target = Target::Key(KeyId::from_uuid(Uuid::from_u128(1)));
/// Something else.
pub(crate) const OTHER: Target = Target::Key(KeyId::from_uuid(Uuid::from_u128(2)));

/// The change of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Change {
    /// The key is no longer valid.
    Restricts,
    /// The key is valid, whatever it was before.
    Lifts,
    /// Something else is changed.
    Elsewhere,
}

/// A node id of a process: every attempt to join has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    pub(crate) process: u8,
    pub(crate) life: u8,
}

impl Name {
    pub(crate) fn id(self) -> NodeId {
        NodeId::from_uuid(Uuid::from_u128(u128::from(self.process) << 8 | u128::from(self.life)))
    }
}

/// At least the resolution of the database's wall clock: the rules that compare that clock need a difference.
const TICK: Duration = Duration::from_micros(1);

/// The duration of this many ticks.
pub(crate) fn ticks(number: u8) -> Duration {
    TICK * u32::from(number)
}

/// The boot clock after this many ticks.
pub(crate) fn boot(number: u8) -> BootInstant {
    BootInstant::ZERO.plus(ticks(number))
}
