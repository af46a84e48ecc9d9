//! Turns by key, short queues, and no place lost when a caller hangs up.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
};

use super::*;

type Entering<'a> = Pin<Box<dyn Future<Output = Result<Permit<u8>, QueueFull>> + 'a>>;

fn poll(entering: &mut Entering<'_>) -> Poll<Result<Permit<u8>, QueueFull>> {
    entering.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn enter(queue: &FairQueue<u8>, key: u8) -> Entering<'_> {
    let mut entering: Entering<'_> = Box::pin(queue.enter(key));
    assert!(poll(&mut entering).is_pending(), "there is no place");
    entering
}

/// Grants every request in turn, and returns the order.
fn order(permit: Permit<u8>, mut waiting: Vec<(u8, Entering<'_>)>) -> Vec<u8> {
    let mut order = Vec::new();
    let mut held = Some(permit);
    while held.take().is_some() {
        waiting.retain_mut(|(key, entering)| match poll(entering) {
            Poll::Pending => true,
            Poll::Ready(permit) => {
                order.push(*key);
                held = Some(permit.unwrap());
                false
            }
        });
    }
    order
}

fn hold(queue: &FairQueue<u8>) -> Permit<u8> {
    let mut entering: Entering<'_> = Box::pin(queue.enter(0));
    match poll(&mut entering) {
        Poll::Ready(Ok(permit)) => permit,
        Poll::Ready(Err(_)) | Poll::Pending => panic!("there is a place"),
    }
}

#[test]
fn a_caller_with_many_requests_waits_behind_its_own() {
    let queue = FairQueue::new(1, 8);
    let permit = hold(&queue);
    let keys = [1, 1, 1, 1, 2, 3, 3];
    let waiting = keys.map(|key| (key, enter(&queue, key))).into();
    assert_eq!(order(permit, waiting), [1, 2, 3, 1, 3, 1, 1]);
    assert!(queue.is_idle());
    drop(hold(&queue));
}

#[test]
fn a_full_queue_does_not_shorten_the_others() {
    let queue = FairQueue::new(2, 3);
    let held = [hold(&queue), hold(&queue)];
    let mut waiting: Vec<_> = (0..3).map(|_| enter(&queue, 1)).collect();
    assert!(matches!(poll(&mut (Box::pin(queue.enter(1)) as Entering<'_>)), Poll::Ready(Err(QueueFull))));
    let other = enter(&queue, 2);
    // A request that hangs up makes room in its queue.
    drop(waiting.pop());
    waiting.push(enter(&queue, 1));
    assert!(matches!(poll(&mut (Box::pin(queue.enter(1)) as Entering<'_>)), Poll::Ready(Err(QueueFull))));
    drop((waiting, other, held));
    assert!(queue.is_idle());
    drop((hold(&queue), hold(&queue)));
}

#[test]
fn a_place_granted_to_a_caller_that_hung_up_goes_to_the_next() {
    let queue = FairQueue::new(1, 8);
    let permit = hold(&queue);
    let (first, mut second, third) = (enter(&queue, 1), enter(&queue, 2), enter(&queue, 3));
    drop(third);
    drop(permit);
    // The first request holds it now, and never polls.
    assert!(poll(&mut second).is_pending());
    drop(first);
    assert!(poll(&mut second).is_ready());
}
