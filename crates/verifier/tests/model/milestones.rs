//! What must occur in some state, to show that a search without findings covers enough.

use std::sync::atomic::{AtomicU32, Ordering};

use keyward_storage::Snapshot;
use stateright::Property;

use crate::{call::Call, names::boot, node::Fill, request::Lookup, scope::Happening, search::Protocol, world::World};

/// Which milestones were seen. Each is reported once: the checker would copy a path for every state that shows it.
#[derive(Debug, Default)]
pub(crate) struct Seen(AtomicU32);

impl Seen {
    fn first(&self, number: u32, holds: impl FnOnce() -> bool) -> bool {
        let bit = 1 << number;
        self.0.load(Ordering::Relaxed) & bit == 0 && holds() && self.0.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }
}

/// The milestones to expect in the scope of a search.
pub(crate) fn expected(protocol: &Protocol) -> Vec<Property<Protocol>> {
    let mut milestones = vec![
        sometimes("a node answers from memory before the change", |protocol, world| {
            protocol.seen.first(0, || {
                let answers = |at: usize| holds(protocol, world, at) && world.nodes[at].remembers();
                world.database.restricted_by().is_none() && (0..world.nodes.len()).any(answers)
            })
        }),
        sometimes("every node has acknowledged before the time-out", |protocol, world| {
            protocol.seen.first(1, || {
                world.call.is_acknowledged(&world.database, &protocol.scope, world.now)
                    && !world.call.is_over(world.now)
                    && world.nodes.iter().any(|node| world.database.acknowledged(node.name).is_some())
            })
        }),
        sometimes("a silent node is outlived", |protocol, world| {
            protocol.seen.first(2, || {
                world.call.is_over(world.now)
                    && !world.call.is_acknowledged(&world.database, &protocol.scope, world.now)
            })
        }),
        sometimes("a read does not show an event that was applied (R4)", |protocol, world| {
            protocol.seen.first(3, || {
                world.nodes.iter().any(|node| {
                    let floor = Snapshot::embedded(node.shard.floor().seq);
                    matches!(node.fill, Fill::Read { ticket, as_of, valid: true }
                        if !node.shard.vouches_for(ticket, Snapshot::embedded(as_of), false)
                            && node.shard.vouches_for(ticket, floor, false))
                })
            })
        }),
        sometimes("a read began outside the current membership (R6)", |protocol, world| {
            protocol.seen.first(4, || {
                world.nodes.iter().any(|node| {
                    let floor = Snapshot::embedded(node.shard.floor().seq);
                    matches!(node.fill, Fill::Read { ticket, valid: true, .. }
                        if node.lease.is_member() && !node.shard.vouches_for(ticket, floor, false))
                })
            })
        }),
        sometimes("a request that arrives after the answer finds a valid lease", |protocol, world| {
            protocol.seen.first(5, || world.request.as_ref().is_some_and(Lookup::may_look_up))
        }),
        sometimes("a node that remembers the key has no lease when the call is answered", |protocol, world| {
            protocol.seen.first(6, || {
                let waits = |at: usize| world.nodes[at].remembers() && !holds(protocol, world, at);
                world.call == Call::Answered && (0..world.nodes.len()).any(waits)
            })
        }),
        sometimes("a node has not caught up with what its renewal showed (R2)", |protocol, world| {
            protocol.seen.first(7, || world.nodes.iter().any(|node| node.lease.is_behind()))
        }),
    ];
    let scope = &protocol.scope;
    if scope.may(Happening::Crash) || scope.may(Happening::Reaping) {
        milestones.push(sometimes("a process joins again", |protocol, world| {
            protocol.seen.first(8, || world.nodes.iter().any(|node| node.name.life > 0 && node.lease.is_member()))
        }));
    }
    if scope.may(Happening::Crash) {
        milestones.push(sometimes("the row of a dead process exists", |protocol, world| {
            protocol.seen.first(9, || world.nodes.iter().any(|node| world.database.has_older(node.name)))
        }));
    }
    if scope.may(Happening::Reaping) {
        milestones.push(sometimes("a row was removed", |protocol, world| {
            protocol.seen.first(10, || {
                let gone = |at: usize| world.database.acknowledged(world.nodes[at].name).is_none();
                (0..world.nodes.len()).any(|at| world.nodes[at].lease.is_member() && gone(at))
            })
        }));
    }
    milestones
}

fn sometimes(name: &'static str, condition: fn(&Protocol, &World) -> bool) -> Property<Protocol> {
    Property::sometimes(name, condition)
}

fn holds(protocol: &Protocol, world: &World, at: usize) -> bool {
    world.nodes[at].term().holds(&protocol.scope.rules, boot(world.now))
}
