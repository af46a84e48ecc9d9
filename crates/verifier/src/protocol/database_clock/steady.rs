//! Decides whether a clock has run evenly for long enough to date and delete shared state by it.
//!
//! A machine's clock may be wrong by weeks for some minutes. If the database runs on the same machine, both clocks
//! agree, and only the boot clock shows the error. Dating and deleting can wait, so they wait longer than expiry does.
//! This module reads no clock.

use std::{fmt, time::Duration};

use super::offset::{MINUTE, Offset};
use crate::protocol::BootInstant;

/// How long a clock must run evenly.
const LONG_ENOUGH: Duration = Duration::from_mins(10);

/// How far a clock is from where it last ran evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockJump {
    /// It jumped ahead by this much.
    Ahead(Duration),
    /// It jumped back by this much.
    Back(Duration),
}

impl ClockJump {
    /// The jump in seconds; negative for a jump back.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        match self {
            Self::Ahead(by) => by.as_secs_f64(),
            Self::Back(by) => -by.as_secs_f64(),
        }
    }
}

impl fmt::Display for ClockJump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (by, to) = match self {
            Self::Ahead(by) => (by, "ahead"),
            Self::Back(by) => (by, "back"),
        };
        let seconds = by.saturating_add(Duration::from_millis(500)).as_secs();
        write!(f, "the clock that dates what is stored jumped {seconds} s {to}")
    }
}

/// Tracks a stretch of readings that agree to within a minute.
#[derive(Debug, Default)]
pub(super) struct Steady {
    stretch: Option<Stretch>,
    /// The last offset that held for long enough; before that, the first reading's.
    before: Option<Offset>,
}

#[derive(Debug)]
struct Stretch {
    /// The reading that the later ones agree with.
    begins: (BootInstant, Offset),
    last: Offset,
    /// Whether the stretch has lasted for long enough.
    settled: bool,
}

impl Steady {
    pub(super) fn read(&mut self, offset: Offset, sent_at: BootInstant) {
        let before = self.before.get_or_insert(offset);
        let fresh = Stretch { begins: (sent_at, offset), last: offset, settled: false };
        let stretch = self.stretch.get_or_insert(fresh);
        let (since, first) = stretch.begins;
        if offset.apart(first) > MINUTE {
            *stretch = Stretch { begins: (sent_at, offset), last: offset, settled: false };
            return;
        }
        stretch.last = offset;
        if sent_at.since(since) >= LONG_ENOUGH {
            // Later readings are compared with this one, because clocks drift slowly over months.
            stretch.begins = (sent_at, offset);
            stretch.settled = true;
            *before = offset;
        }
    }

    pub(super) fn settled(&self) -> Option<Offset> {
        self.stretch.as_ref().filter(|stretch| stretch.settled).map(|stretch| stretch.last)
    }

    pub(super) fn jump(&self) -> Option<ClockJump> {
        let (now, before) = (self.stretch.as_ref()?.last, self.before?);
        match (now.beyond(before), before.beyond(now)) {
            (by, _) if by > MINUTE => Some(ClockJump::Ahead(by)),
            (_, by) if by > MINUTE => Some(ClockJump::Back(by)),
            _ => None,
        }
    }
}
