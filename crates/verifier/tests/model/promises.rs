//! What must hold in every state: guarantee N, liveness L, and the invariants that support them.

use stateright::Property;

use crate::{node::Node, search::Protocol, world::World};

/// Guarantee N.
pub(crate) const NO_REQUEST_ACCEPTS: &str = "N: no request that arrives after the answer gets \"valid\"";

/// All promises, the guarantee first.
pub(crate) fn all() -> Vec<Property<Protocol>> {
    vec![
        always(NO_REQUEST_ACCEPTS, |_, world| !world.broken),
        always("L: a call that has outlived every lease is over, whatever else failed", |protocol, world| {
            !world.call.has_outlived_every_lease(&protocol.scope, world.now) || world.call.is_over(world.now)
        }),
        always("I2: nothing is remembered that an applied event has changed", |_, world| {
            world.nodes.iter().all(|node| !node.remembers() || !has_applied_the_change(world, node))
        }),
        always("I3: nothing is acknowledged that was not purged", |_, world| {
            let honest = |node: &Node| {
                let acknowledged = world.database.acknowledged(node.name);
                !node.lease.is_member() || acknowledged.is_none_or(|seq| seq <= node.shard.floor().seq)
            };
            world.nodes.iter().all(honest)
        }),
    ]
}

fn always(name: &'static str, condition: fn(&Protocol, &World) -> bool) -> Property<Protocol> {
    Property::always(name, condition)
}

fn has_applied_the_change(world: &World, node: &Node) -> bool {
    world.database.restricted_by().is_some_and(|seq| node.shard.floor().seq >= seq)
}
