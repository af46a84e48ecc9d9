//! What uses a limit up, and what gives it back.

use std::time::Duration;

use keyward_domain::Timestamp;
use keyward_verifier::protocol::BootInstant;

use super::*;

#[derive(Default)]
pub(crate) struct ManualClock(Mutex<Duration>);

impl ManualClock {
    pub(crate) fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for ManualClock {
    fn boot(&self) -> BootInstant {
        BootInstant::from_nanos(u64::try_from(self.0.lock().unwrap().as_nanos()).unwrap())
    }

    fn wall(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

fn limit(per_minute: u32) -> (Arc<ManualClock>, Limit<u8>) {
    let manual = Arc::new(ManualClock::default());
    let clock: Arc<dyn Clock> = Arc::clone(&manual) as _;
    (manual, Limit::new(per_minute, clock))
}

#[test]
fn only_failures_use_up_the_limit_of_their_key() {
    let (_dial, limit) = limit(3);
    for _ in 0..100 {
        assert_eq!(limit.admit(&1), Ok(()));
    }
    for _ in 0..3 {
        assert_eq!(limit.admit(&1), Ok(()));
        limit.failed(&1);
    }
    assert!(limit.admit(&1).is_err(), "three were let through, as the limit says");
    assert_eq!(limit.admit(&2), Ok(()));
}

#[test]
fn waiting_gives_tries_back_one_by_one() {
    let (manual, limit) = limit(60);
    // More than were admitted: they count as the whole limit, and no more.
    for _ in 0..90 {
        limit.failed(&1);
    }
    let wait = limit.admit(&1).unwrap_err().retry_after;
    assert!(wait <= Duration::from_secs(1), "{wait:?}");
    manual.advance(wait);
    assert_eq!(limit.admit(&1), Ok(()));
    limit.failed(&1);
    assert!(limit.admit(&1).is_err(), "that failure took the try that was given back");
}

#[test]
fn an_attempt_counted_before_the_work_can_be_given_back() {
    let (_dial, limit) = limit(3);
    for _ in 0..3 {
        limit.take(&1).unwrap();
    }
    assert!(limit.take(&1).is_err(), "it counts while the outcome is not known");
    limit.give_back(&1);
    limit.take(&1).unwrap();
    limit.take(&1).unwrap_err();
    limit.give_back(&2);
    limit.take(&2).unwrap();
}

#[test]
fn an_expired_entry_is_dropped() {
    let (manual, limit) = limit(1);
    limit.failed(&1);
    limit.failed(&1);
    limit.forget();
    assert_eq!(limit.len(), 1);
    manual.advance(Duration::from_hours(1));
    limit.forget();
    assert_eq!(limit.len(), 0);
}

#[test]
fn an_ipv6_source_is_its_64_and_a_mapped_address_is_ipv4() {
    let source = |text: &str| Source::from(text.parse::<IpAddr>().unwrap());
    assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:2"));
    assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
    assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
}

#[test]
fn a_reported_source_names_its_gateway() {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    for (source, shown) in [
        (Source::from(ip("192.0.2.1")), "192.0.2.1"),
        (Source::from(ip("2001:db8::7")), "2001:db8::/64"),
        (Source::claimed(ip("192.0.2.1"), ip("10.0.0.1")), "192.0.2.1 (claimed by 10.0.0.1)"),
    ] {
        assert_eq!(source.to_string(), shown);
    }
}
