//! How long a connection that ends waits, and for what: virtual time, and no socket.

use std::future::pending;

use tokio::time::advance;

use super::*;

/// Bounds a wait that must end, and shows that another does not end.
const LONG: Duration = Duration::from_hours(1);

fn ending() -> (Lifecycle, Arc<Talk>) {
    let (lifecycle, talk) = (Lifecycle::new(), Arc::<Talk>::default());
    lifecycle.close();
    talk.is_ending.store(true, Ordering::Release);
    (lifecycle, talk)
}

/// Waits until the connection ends. Only the test changes its state.
async fn end(lifecycle: &Lifecycle, talk: &Talk) -> Duration {
    let began = Instant::now();
    finish_pending(pin!(pending::<()>()), talk, &mut lifecycle.watch()).await;
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_read_is_given_up() {
    let (lifecycle, talk) = ending();
    let mut answer = talk.begin(Version::HTTP_2);
    answer.made();
    let waited = tokio::time::timeout(LONG, end(&lifecycle, &talk)).await.expect("it ends");
    assert!(waited >= LAST_WORDS && waited <= 2 * LAST_WORDS, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_read_slowly_is_waited_for() {
    let (lifecycle, talk) = ending();
    let mut answer = talk.begin(Version::HTTP_2);
    answer.made();
    let slowly = async {
        for _ in 0..10 {
            advance(LAST_WORDS / 2).await;
            talk.wrote(Some(1));
        }
        drop(answer);
    };
    let (waited, ()) =
        tokio::time::timeout(LONG, async { tokio::join!(end(&lifecycle, &talk), slowly) }).await.unwrap();
    assert_eq!(waited, 5 * LAST_WORDS);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_being_made_is_waited_for_until_the_door_is_cut_off() {
    let (lifecycle, talk) = ending();
    let _being_made = talk.begin(Version::HTTP_11);
    assert!(tokio::time::timeout(LONG, end(&lifecycle, &talk)).await.is_err(), "it was given up");
    let cut = async {
        advance(LONG).await;
        lifecycle.cut();
    };
    let (waited, ()) = tokio::join!(end(&lifecycle, &talk), cut);
    assert_eq!(waited, LONG);
}
