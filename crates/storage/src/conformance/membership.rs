//! The rows of the nodes: who joins, renews, leaves and is taken away. For databases that many nodes share.

use std::time::Duration;

use super::{
    Fixture,
    history::{self, make, numbers},
    sample::{Draft, Tree, at, fresh, revoke},
};
use crate::{Confirmed, Introduction, Member, Membership, NodeId, Seq, Write};

const TTL: Duration = Duration::from_millis(5_500);

fn nodes(fixture: &Fixture) -> &dyn Membership {
    fixture.membership.as_deref().unwrap()
}

fn someone() -> Introduction {
    Introduction {
        node: NodeId::from_uuid(fresh()),
        previous: None,
        ttl: TTL,
        started_at: at(7),
        version: "1.2.3-test".to_owned(),
    }
}

/// Somebody who has joined.
async fn joined(fixture: &Fixture) -> NodeId {
    let someone = someone();
    nodes(fixture).join(&someone).await.unwrap();
    someone.node
}

async fn renewed(fixture: &Fixture, node: NodeId, applied: u64) -> Confirmed {
    nodes(fixture).renew(node, Seq::new(applied)).await.unwrap().unwrap()
}

async fn rows(fixture: &Fixture) -> Vec<Member> {
    nodes(fixture).members().await.unwrap().rows
}

async fn names(fixture: &Fixture) -> Vec<NodeId> {
    rows(fixture).await.into_iter().map(|member| member.node).collect()
}

/// So many revocations, of keys of one tree.
async fn events(fixture: &Fixture, tree: &Tree, events: u64) -> Seq {
    let mut last = Seq::ZERO;
    for _ in 0..events {
        let key = Draft::writer().store(&fixture.store, &tree.merchant_chain()).await;
        last = revoke(&fixture.store, &key).await;
    }
    last
}

pub async fn a_member_comes_back_whole_and_begins_at_the_head(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let none = nodes(fixture).members().await.unwrap();
    assert_eq!((none.rows, none.head), (vec![], Seq::ZERO));
    let head = events(fixture, &tree, 3).await;
    let someone = someone();
    let confirmed = nodes(fixture).join(&someone).await.unwrap();
    assert_eq!(confirmed.head, head);
    assert_eq!(confirmed.incarnation, fixture.feed.head().await.unwrap().incarnation);
    let members = nodes(fixture).members().await.unwrap();
    assert_eq!(members.head, head);
    assert!(members.database_time >= confirmed.database_time);
    let expected = Member {
        node: someone.node,
        counter: 0,
        applied: head,
        ttl: TTL,
        started_at: someone.started_at,
        renewed_at: confirmed.database_time,
        version: someone.version,
    };
    assert_eq!(members.rows, [expected]);
}

pub async fn a_join_takes_the_previous_row_with_it_and_no_other(fixture: &Fixture) {
    let (stays, goes) = (joined(fixture).await, joined(fixture).await);
    let again = Introduction { previous: Some(goes), ..someone() };
    nodes(fixture).join(&again).await.unwrap();
    assert_eq!(names(fixture).await, [stays, again.node]);
    let unknown = Introduction { previous: Some(goes), ..someone() };
    nodes(fixture).join(&unknown).await.unwrap();
    assert_eq!(names(fixture).await, [stays, again.node, unknown.node]);
}

/// A join that was given up may be carried out late: it must not acknowledge for the node that bears its name by then.
pub async fn a_name_joins_once(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let someone = someone();
    nodes(fixture).join(&someone).await.unwrap();
    let before = rows(fixture).await;
    events(fixture, &tree, 2).await;
    assert!(nodes(fixture).join(&someone).await.is_err());
    assert_eq!(rows(fixture).await, before);
    renewed(fixture, someone.node, 1).await;
}

pub async fn a_renewal_tells_the_head_and_how_far_a_node_is_never_goes_back(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let (node, other) = (joined(fixture).await, joined(fixture).await);
    let mut last = renewed(fixture, node, 0).await;
    for (round, (applied, expected)) in (2..).zip([(0, 0), (2, 2), (1, 2), (4, 4), (0, 4)]) {
        let head = events(fixture, &tree, 1).await;
        let confirmed = renewed(fixture, node, applied).await;
        assert_eq!(confirmed.head, head);
        assert!(confirmed.database_time > last.database_time);
        last = confirmed;
        let rows = rows(fixture).await;
        let row = rows.iter().find(|member| member.node == node).unwrap();
        assert_eq!((row.counter, row.applied), (round, Seq::new(expected)));
        assert_eq!(row.renewed_at, confirmed.database_time);
        let row = rows.iter().find(|member| member.node == other).unwrap();
        assert_eq!((row.counter, row.applied), (0, Seq::ZERO));
    }
}

pub async fn a_node_without_a_row_renews_nothing(fixture: &Fixture) {
    let stranger = NodeId::from_uuid(fresh());
    assert_eq!(nodes(fixture).renew(stranger, Seq::ZERO).await.unwrap(), None);
    assert_eq!(names(fixture).await, []);
    let node = joined(fixture).await;
    nodes(fixture).leave(node).await.unwrap();
    assert_eq!(nodes(fixture).renew(node, Seq::ZERO).await.unwrap(), None);
    assert_eq!(names(fixture).await, []);
}

pub async fn who_leaves_takes_its_own_row_alone(fixture: &Fixture) {
    let (stays, leaves) = (joined(fixture).await, joined(fixture).await);
    for _ in 0..2 {
        nodes(fixture).leave(leaves).await.unwrap();
        assert_eq!(names(fixture).await, [stays]);
    }
}

pub async fn a_row_is_reaped_only_while_it_stands_still(fixture: &Fixture) {
    let (node, other) = (joined(fixture).await, joined(fixture).await);
    renewed(fixture, node, 0).await;
    for counter in [0, 2, u64::MAX] {
        assert_eq!(nodes(fixture).reap(node, counter).await.unwrap(), Write::Stale, "{counter}");
    }
    // The counter is the one that was seen, but the database's clock says that the lease has just been renewed.
    assert_eq!(nodes(fixture).reap(node, 1).await.unwrap(), Write::Stale);
    assert_eq!(names(fixture).await, [node, other]);
    let long_ago = fixture.raw.moment(at(0));
    let aged = format!("UPDATE node_lease SET renewed_at = {long_ago} WHERE node = {}", fixture.raw.id(node.uuid()));
    assert_eq!(fixture.raw.execute(&aged).await.unwrap(), 1);
    assert_eq!(nodes(fixture).reap(node, 1).await.unwrap(), Write::Applied);
    assert_eq!(nodes(fixture).reap(node, 1).await.unwrap(), Write::Stale);
    assert_eq!(names(fixture).await, [other]);
}

pub async fn history_is_kept_for_the_slowest_member(fixture: &Fixture) {
    let (slow, fast) = (joined(fixture).await, joined(fixture).await);
    make(fixture, 6).await;
    renewed(fixture, fast, 6).await;
    let prune = async || history::prune(fixture, 900, 100).await;
    assert_eq!(prune().await, 0);
    renewed(fixture, slow, 4).await;
    assert_eq!(prune().await, 3);
    assert_eq!(numbers(fixture).await, [4, 5, 6]);
    assert_eq!(history::prune(fixture, 0, 100).await, 0, "none that is younger");
    nodes(fixture).leave(slow).await.unwrap();
    assert_eq!(prune().await, 2);
    assert_eq!(numbers(fixture).await, [6]);
}
