//! What must occur in some state, to show that a search without findings covers enough.

use std::sync::atomic::{AtomicU32, Ordering};

use keyward_storage::Position;

use crate::{
    call::By,
    log,
    node::{Fill, Node},
    scope::Scope,
    world::World,
};

/// Something that a search must see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Milestone {
    /// A call about a change of the new history is answered by acknowledgements, while a node in it has a lease.
    Acknowledged,
    /// A call is answered by the clock after a restore.
    Outlived,
    /// A call is answered by a record of enforcement after a restore.
    Recorded,
    /// A call reports an unknown outcome.
    Unknown,
    /// A node answers from memory in the new history.
    Memory,
    /// A member's read may not be kept, because it belongs to another history.
    Elsewhere,
    /// A node has left the lost history and joined again.
    JoinedAgain,
    /// A request that arrives after the answer finds a valid lease in the new history.
    Arrived,
}

impl Milestone {
    pub(crate) const ALL: [Self; 8] = [
        Self::Acknowledged,
        Self::Outlived,
        Self::Recorded,
        Self::Unknown,
        Self::Memory,
        Self::Elsewhere,
        Self::JoinedAgain,
        Self::Arrived,
    ];
}

/// Which milestones were seen.
#[derive(Debug, Default)]
pub(crate) struct Seen(AtomicU32);

impl Seen {
    pub(crate) fn all(&self) -> Vec<Milestone> {
        Milestone::ALL.into_iter().filter(|milestone| self.has(*milestone)).collect()
    }

    fn has(&self, milestone: Milestone) -> bool {
        self.0.load(Ordering::Relaxed) & (1 << milestone as u32) != 0
    }

    pub(crate) fn add(&self, milestone: Milestone) {
        if !self.has(milestone) {
            self.0.fetch_or(1 << milestone as u32, Ordering::Relaxed);
        }
    }

    fn add_if(&self, milestone: Milestone, holds: impl FnOnce() -> bool) {
        if !self.has(milestone) && holds() {
            self.add(milestone);
        }
    }

    /// Records that a call about this change was answered.
    pub(crate) fn look_at_answer(&self, scope: &Scope, world: &World, change: Position, by: By) {
        if world.restores == 0 {
            return;
        }
        let is_new = |position| log::history_of(position) == Some(world.restores);
        match by {
            By::Acknowledgements => self.add_if(Milestone::Acknowledged, || {
                let is_live = |node: &Node| node.has_lease(scope, world.now) && is_new(node.lease.applied());
                is_new(change) && world.nodes.iter().any(is_live)
            }),
            By::Clock => self.add(Milestone::Outlived),
            By::Record => self.add(Milestone::Recorded),
        }
    }

    /// Records a reached state.
    pub(crate) fn look_at(&self, scope: &Scope, world: &World) {
        if world.restores == 0 {
            return;
        }
        let is_here = |node: &Node| node.lease.token() == world.database.history();
        self.add_if(Milestone::Memory, || {
            let answers = |node: &Node| node.has_lease(scope, world.now) && node.remembers() && is_here(node);
            world.database.log.key_is_valid() && world.nodes.iter().any(answers)
        });
        self.add_if(Milestone::Elsewhere, || {
            world.nodes.iter().any(|node| {
                let Fill::Read { ticket, as_of, valid: true, .. } = node.fill else { return false };
                node.lease.is_member() && is_here(node) && node.shard.clone().admit(ticket, as_of).is_none()
            })
        });
        self.add_if(Milestone::JoinedAgain, || {
            world.nodes.iter().any(|node| node.name.life > 0 && node.lease.is_member())
        });
        self.add_if(Milestone::Arrived, || world.request.is_some_and(|at| is_here(&world.nodes[usize::from(at)])));
    }
}
