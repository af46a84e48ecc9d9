//! A waiting caller is counted while it waits for a connection.

use std::{pin::pin, task::Context};

use keyward_storage::{Authority, PoolState, Store as _};

use crate::testing;

#[tokio::test]
async fn a_caller_waiting_for_the_writer_is_counted_until_it_gets_it_or_gives_up() {
    let (store, _folder) = testing::open().await;
    let writer = || store.pool_states()[0];
    let used = |waiting| PoolState { name: "writer", max: 1, open: 1, idle: 0, waiting };
    let unit = store.begin_as(&Authority::operator()).await.unwrap();
    assert_eq!(writer(), used(0));
    {
        let authority = Authority::operator();
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut second = pin!(store.begin_as(&authority));
        assert!(second.as_mut().poll(&mut context).is_pending());
        assert_eq!(writer(), used(1));
    }
    assert_eq!(writer(), used(0));
    drop(unit);
    store.begin_as(&Authority::operator()).await.unwrap().commit().await.unwrap();
    assert_eq!(writer().waiting, 0);
}
