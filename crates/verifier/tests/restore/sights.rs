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
pub(crate) enum Sight {
    /// A call about a change of the new history is answered by acknowledgements, while a node in it has a lease.
    Acknowledged,
    /// A call is answered by the clock after a restore.
    Outlived,
    /// A call is answered by a record of enforcement after a restore.
    Noted,
    /// A call reports an unknown outcome.
    Unknown,
    /// A node answers from memory in the new history.
    Memory,
    /// A member's read may not be kept, because it belongs to another history.
    Elsewhere,
    /// A node has left the lost history and joined again.
    JoinedAnew,
    /// A request that arrives after the answer finds a valid lease in the new history.
    Asked,
}

impl Sight {
    pub(crate) const ALL: [Self; 8] = [
        Self::Acknowledged,
        Self::Outlived,
        Self::Noted,
        Self::Unknown,
        Self::Memory,
        Self::Elsewhere,
        Self::JoinedAnew,
        Self::Asked,
    ];
}

/// Which sights were seen.
#[derive(Debug, Default)]
pub(crate) struct Seen(AtomicU32);

impl Seen {
    pub(crate) fn all(&self) -> Vec<Sight> {
        Sight::ALL.into_iter().filter(|sight| self.has(*sight)).collect()
    }

    fn has(&self, sight: Sight) -> bool {
        self.0.load(Ordering::Relaxed) & (1 << sight as u32) != 0
    }

    pub(crate) fn add(&self, sight: Sight) {
        if !self.has(sight) {
            self.0.fetch_or(1 << sight as u32, Ordering::Relaxed);
        }
    }

    fn add_if(&self, sight: Sight, holds: impl FnOnce() -> bool) {
        if !self.has(sight) && holds() {
            self.add(sight);
        }
    }

    /// Records that a call about this change was answered.
    pub(crate) fn look_at_answer(&self, scope: &Scope, world: &World, change: Position, by: By) {
        if world.restores == 0 {
            return;
        }
        let is_new = |position| log::history_of(position) == Some(world.restores);
        match by {
            By::Acknowledgements => self.add_if(Sight::Acknowledged, || {
                let is_live = |node: &Node| node.has_lease(scope, world.now) && is_new(node.lease.applied());
                is_new(change) && world.nodes.iter().any(is_live)
            }),
            By::Clock => self.add(Sight::Outlived),
            By::Note => self.add(Sight::Noted),
        }
    }

    /// Records a reached state.
    pub(crate) fn look_at(&self, scope: &Scope, world: &World) {
        if world.restores == 0 {
            return;
        }
        let is_here = |node: &Node| node.lease.token() == world.database.history();
        self.add_if(Sight::Memory, || {
            let answers = |node: &Node| node.has_lease(scope, world.now) && node.remembers() && is_here(node);
            world.database.log.key_is_valid() && world.nodes.iter().any(answers)
        });
        self.add_if(Sight::Elsewhere, || {
            world.nodes.iter().any(|node| {
                let Fill::Read { ticket, as_of, valid: true, .. } = node.fill else { return false };
                node.lease.is_member() && is_here(node) && node.shard.clone().admit(ticket, as_of).is_none()
            })
        });
        self.add_if(Sight::JoinedAnew, || world.nodes.iter().any(|node| node.name.life > 0 && node.lease.is_member()));
        self.add_if(Sight::Asked, || world.request.is_some_and(|at| is_here(&world.nodes[usize::from(at)])));
    }
}
