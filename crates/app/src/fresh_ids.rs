//! New identifiers: UUIDs of version 7 (RFC 9562, section 5.7) that sort in the order in which this process made them.
//!
//! Reads no clock and draws no randomness: the caller passes both in.

use std::sync::atomic::{AtomicI64, Ordering};

use keyward_domain::Timestamp;
use uuid::Uuid;

/// Remembers the instant of the last identifier, so that the next one gets a later one (RFC 9562, section 6.2, method
/// 3: the fraction of the millisecond precedes the random bits).
#[derive(Default)]
pub(crate) struct FreshIds {
    last_micros: AtomicI64,
}

impl FreshIds {
    /// The next identifier at `now`, with these random bytes.
    pub(crate) fn next(&self, now: Timestamp, random: [u8; 8]) -> Uuid {
        let next = |last: i64| Some((last + 1).max(now.as_micros()));
        let last = self.last_micros.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap_or_default();
        let micros = (last + 1).max(now.as_micros()).max(0).unsigned_abs();
        let (millis, fraction) = (micros / 1_000, micros % 1_000 * 4_096 / 1_000);
        let high = (millis & 0xffff_ffff_ffff) << 16 | 0x7000 | fraction;
        let low = u64::from_be_bytes(random) & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
        Uuid::from_u64_pair(high, low)
    }
}

#[cfg(test)]
mod tests {
    //! Order and format.
    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    #[test]
    fn identifiers_sort_in_the_order_in_which_they_were_made() {
        let ids = FreshIds::default();
        let moments = [1_000, 1_000, 1_001, 999, 5_000_000, 5_000_000, 4_000_000];
        let made: Vec<_> = moments.map(|micros| ids.next(at(micros), [0xff; 8])).to_vec();
        assert!(made.is_sorted_by(|earlier, later| earlier < later), "{made:?}");
    }

    #[test]
    fn an_identifier_is_a_version_7_uuid_of_its_moment() {
        let id = FreshIds::default().next(at(1_764_000_000_123_456), [0xab; 8]);
        assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122));
        assert_eq!(id.as_u128() >> 80, 1_764_000_000_123);
        assert_ne!(id, FreshIds::default().next(at(1_764_000_000_123_456), [0xac; 8]));
    }
}
