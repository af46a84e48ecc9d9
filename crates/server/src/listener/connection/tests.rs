//! How long a connection that ends waits, and why. Virtual time, no sockets.

use std::future::pending;

use tokio::time::advance;

use super::*;

/// Bounds a wait that must end, and shows that another does not end.
const LONG: Duration = Duration::from_hours(1);

fn ending() -> (Lifecycle, Arc<ConnectionState>) {
    let (lifecycle, state) = (Lifecycle::new(), Arc::<ConnectionState>::default());
    lifecycle.close();
    state.is_ending.store(true, Ordering::Release);
    (lifecycle, state)
}

/// Waits until the connection ends. Only the test changes its state.
async fn end(lifecycle: &Lifecycle, state: &ConnectionState) -> Duration {
    let began = Instant::now();
    finish_pending(pin!(pending::<()>()), state, &mut lifecycle.watch()).await;
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_read_is_abandoned() {
    let (lifecycle, state) = ending();
    let mut answer = state.begin(Version::HTTP_2);
    answer.answered();
    let waited = tokio::time::timeout(LONG, end(&lifecycle, &state)).await.expect("it ends");
    assert!(waited >= END_TIMEOUT && waited <= 2 * END_TIMEOUT, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_read_slowly_is_waited_for() {
    let (lifecycle, state) = ending();
    let mut answer = state.begin(Version::HTTP_2);
    answer.answered();
    let slowly = async {
        for _ in 0..10 {
            advance(END_TIMEOUT / 2).await;
            state.wrote(Some(1));
        }
        drop(answer);
    };
    let (waited, ()) =
        tokio::time::timeout(LONG, async { tokio::join!(end(&lifecycle, &state), slowly) }).await.unwrap();
    assert_eq!(waited, 5 * END_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn an_unready_answer_is_waited_for_until_the_listener_is_cut_off() {
    let (lifecycle, state) = ending();
    let _being_made = state.begin(Version::HTTP_11);
    assert!(tokio::time::timeout(LONG, end(&lifecycle, &state)).await.is_err(), "it was given up");
    let cut = async {
        advance(LONG).await;
        lifecycle.cut();
    };
    let (waited, ()) = tokio::join!(end(&lifecycle, &state), cut);
    assert_eq!(waited, LONG);
}
