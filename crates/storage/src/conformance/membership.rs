//! The rows of nodes: joining, renewing, leaving and reaping. For databases that many nodes share.

use std::time::Duration;

use super::{
    Fixture,
    events::{all, position},
    history::{self, make, numbers},
    sample::{Draft, Tree, at, fresh, revoke},
};
use crate::{JoinRequest, LeaseReply, Member, Members, Membership, NodeId, Position, Renewal, Seq, Write};

const TTL: Duration = Duration::from_millis(5_500);

pub(super) fn nodes(fixture: &Fixture) -> &dyn Membership {
    fixture.membership.as_deref().unwrap()
}

fn someone() -> JoinRequest {
    JoinRequest {
        node: NodeId::from_uuid(fresh()),
        previous: None,
        ttl: TTL,
        started_at: at(7),
        version: "1.2.3-test".to_owned(),
        counter: 1_000,
    }
}

/// A node that has joined, and its next renewal.
pub(super) async fn joined(fixture: &Fixture) -> Renewal {
    let someone = someone();
    let head = nodes(fixture).join(&someone).await.unwrap().head;
    Renewal {
        node: someone.node,
        applied: head.position,
        token: head.token,
        counters: vec![someone.counter],
        counter: someone.counter + 1,
    }
}

/// Renews like a node that has applied this event; the next renewal continues from there.
async fn renewed(fixture: &Fixture, renewal: &mut Renewal, applied: u64) -> LeaseReply {
    let known = all(fixture).await.into_iter().map(|event| event.position);
    let found = known.into_iter().find(|position| position.seq == Seq::new(applied));
    renewal.applied = found.unwrap_or(Position::START);
    let confirmed = nodes(fixture).renew(renewal).await.unwrap().unwrap();
    renewal.counters = vec![renewal.counter];
    renewal.counter += 1;
    confirmed
}

pub(super) async fn members(fixture: &Fixture) -> Members {
    nodes(fixture).members(&[]).await.unwrap()
}

async fn rows(fixture: &Fixture) -> Vec<Member> {
    members(fixture).await.rows
}

async fn names(fixture: &Fixture) -> Vec<NodeId> {
    rows(fixture).await.into_iter().map(|member| member.node).collect()
}

/// Makes this many revocations, of keys of one tree.
async fn events(fixture: &Fixture, tree: &Tree, events: u64) -> Position {
    let mut last = Position::START;
    for _ in 0..events {
        let key = Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await;
        last = position(fixture, revoke(&fixture.store, &key).await).await;
    }
    last
}

pub async fn a_member_is_returned_complete_and_starts_at_the_head(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let none = members(fixture).await;
    assert_eq!((none.rows, none.head.position), (vec![], Position::START));
    let head = events(fixture, &tree, 3).await;
    let someone = someone();
    let confirmed = nodes(fixture).join(&someone).await.unwrap();
    assert_eq!(confirmed.head.position, head);
    assert_eq!(confirmed.head, fixture.feed.head().await.unwrap().as_of);
    let members = members(fixture).await;
    assert_eq!(members.head, confirmed.head);
    assert!(members.database_time >= confirmed.database_time);
    let expected = Member {
        node: someone.node,
        counter: someone.counter,
        applied: head.seq,
        ttl: TTL,
        started_at: someone.started_at,
        renewed_at: confirmed.database_time,
        version: someone.version,
    };
    assert_eq!(members.rows, [expected]);
}

pub async fn a_join_removes_only_the_previous_row(fixture: &Fixture) {
    let (stays, goes) = (joined(fixture).await.node, joined(fixture).await.node);
    let again = JoinRequest { previous: Some(goes), ..someone() };
    nodes(fixture).join(&again).await.unwrap();
    assert_eq!(names(fixture).await, [stays, again.node]);
    let unknown = JoinRequest { previous: Some(goes), ..someone() };
    nodes(fixture).join(&unknown).await.unwrap();
    assert_eq!(names(fixture).await, [stays, again.node, unknown.node]);
}

/// An aborted join may take effect late: it must not acknowledge for a node that has the same id by then.
pub async fn a_node_id_joins_once(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let someone = someone();
    nodes(fixture).join(&someone).await.unwrap();
    let before = rows(fixture).await;
    events(fixture, &tree, 2).await;
    assert!(nodes(fixture).join(&someone).await.is_err());
    assert_eq!(rows(fixture).await, before);
}

pub async fn a_renewal_returns_the_head_and_never_lowers_applied(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let (mut node, other) = (joined(fixture).await, joined(fixture).await);
    let mut last = renewed(fixture, &mut node, 0).await;
    for (applied, expected) in [(0, 0), (2, 2), (1, 2), (4, 4), (0, 4)] {
        let head = events(fixture, &tree, 1).await;
        let confirmed = renewed(fixture, &mut node, applied).await;
        assert_eq!(confirmed.head.position, head);
        assert!(confirmed.database_time > last.database_time);
        last = confirmed;
        let rows = rows(fixture).await;
        let row = rows.iter().find(|member| member.node == node.node).unwrap();
        assert_eq!((row.counter, row.applied), (node.counters[0], Seq::new(expected)));
        assert_eq!(row.renewed_at, confirmed.database_time);
        let row = rows.iter().find(|member| member.node == other.node).unwrap();
        assert_eq!((row.counter, row.applied), (other.counters[0], Seq::ZERO));
    }
}

pub async fn a_node_without_a_row_renews_nothing(fixture: &Fixture) {
    let mut node = joined(fixture).await;
    let unknown = Renewal { node: NodeId::from_uuid(fresh()), ..node.clone() };
    assert_eq!(nodes(fixture).renew(&unknown).await.unwrap(), None);
    assert_eq!(names(fixture).await, [node.node]);
    renewed(fixture, &mut node, 0).await;
    nodes(fixture).leave(node.node).await.unwrap();
    assert_eq!(nodes(fixture).renew(&node).await.unwrap(), None);
    assert_eq!(names(fixture).await, []);
}

pub async fn leaving_removes_only_the_nodes_own_row(fixture: &Fixture) {
    let (stays, leaves) = (joined(fixture).await.node, joined(fixture).await.node);
    for _ in 0..2 {
        nodes(fixture).leave(leaves).await.unwrap();
        assert_eq!(names(fixture).await, [stays]);
    }
}

pub async fn a_row_is_reaped_only_while_it_is_stale(fixture: &Fixture) {
    let (mut node, other) = (joined(fixture).await, joined(fixture).await);
    let before = node.counters[0];
    renewed(fixture, &mut node, 0).await;
    let (id, now) = (node.node, node.counters[0]);
    for counter in [before, now + 1, u64::MAX] {
        assert_eq!(nodes(fixture).reap(id, counter).await.unwrap(), Write::Stale, "{counter}");
    }
    // The counter matches, but by the database's clock the lease has just been renewed.
    assert_eq!(nodes(fixture).reap(id, now).await.unwrap(), Write::Stale);
    assert_eq!(names(fixture).await, [id, other.node]);
    let long_ago = fixture.raw.moment(at(0));
    let aged = format!("UPDATE node_lease SET renewed_at = {long_ago} WHERE node = {}", fixture.raw.id(id.uuid()));
    let guard = async |state: &str| {
        let switch = format!("ALTER TABLE node_lease {state} TRIGGER node_lease_renewed");
        fixture.raw.execute(&switch).await.unwrap();
    };
    guard("DISABLE").await;
    assert_eq!(fixture.raw.execute(&aged).await.unwrap(), 1);
    guard("ENABLE").await;
    assert_eq!(nodes(fixture).reap(id, now).await.unwrap(), Write::Applied);
    assert_eq!(nodes(fixture).reap(id, now).await.unwrap(), Write::Stale);
    assert_eq!(names(fixture).await, [other.node]);
}

pub async fn history_is_kept_for_the_slowest_member(fixture: &Fixture) {
    let (mut slow, mut fast) = (joined(fixture).await, joined(fixture).await);
    make(fixture, 6).await;
    renewed(fixture, &mut fast, 6).await;
    let prune = async || history::prune(fixture, 900, 100).await;
    assert_eq!(prune().await, 0);
    renewed(fixture, &mut slow, 4).await;
    assert_eq!(prune().await, 3);
    assert_eq!(numbers(fixture).await, [4, 5, 6], "the last one that a member applied stays");
    assert_eq!(history::prune(fixture, 0, 100).await, 0, "none that is younger");
    nodes(fixture).leave(slow.node).await.unwrap();
    assert_eq!(prune().await, 2);
    assert_eq!(numbers(fixture).await, [6]);
}
