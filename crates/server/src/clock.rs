//! The one place that reads a clock. All other code receives the time.

use std::time::SystemTime;

use keyward_app::Clock;
use keyward_domain::Timestamp;
use keyward_verifier::protocol::BootInstant;
use rustix::time::{ClockId, clock_gettime};

/// The clock that continues while the machine sleeps. std has none on Linux: on std's clock every suspend would prolong
/// a lease.
#[cfg(any(target_os = "linux", target_os = "android"))]
const BOOT: ClockId = ClockId::Boottime;
/// Elsewhere (macOS) the monotonic clock counts sleep.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const BOOT: ClockId = ClockId::Monotonic;

/// The clocks of this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn boot(&self) -> BootInstant {
        let now = clock_gettime(BOOT);
        let (seconds, nanos) = (u64::try_from(now.tv_sec).unwrap_or(0), u64::try_from(now.tv_nsec).unwrap_or(0));
        BootInstant::from_nanos(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn wall(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // Whole microseconds: the database would not keep more.
        let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(micros).unwrap_or(Timestamp::MAX)
    }
}
