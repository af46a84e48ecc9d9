//! Notifications between nodes. Nothing depends on them, so there are few promises.

use super::{Fixture, sample::fresh};
use crate::{Hint, Hints, NodeId, Seq};

async fn listen(fixture: &Fixture) -> Box<dyn Hints> {
    fixture.feed.listen().await.unwrap().unwrap()
}

pub async fn a_hint_reaches_every_listener_including_its_sender(fixture: &Fixture) {
    let mut listeners = [listen(fixture).await, listen(fixture).await];
    let sent = [Hint::Event(Seq::new(1)), Hint::Probe(NodeId::from_uuid(fresh())), Hint::Event(Seq::new(u64::MAX))];
    for hint in sent {
        fixture.feed.announce(hint).await.unwrap();
    }
    for listener in &mut listeners {
        for hint in sent {
            assert_eq!(listener.next().await.unwrap(), hint);
        }
    }
}

pub async fn a_hint_sent_before_listening_is_not_received(fixture: &Fixture) {
    fixture.feed.announce(Hint::Event(Seq::new(1))).await.unwrap();
    let mut listener = listen(fixture).await;
    fixture.feed.announce(Hint::Event(Seq::new(2))).await.unwrap();
    assert_eq!(listener.next().await.unwrap(), Hint::Event(Seq::new(2)));
}
