//! Identifies histories: events by number and nonce, and the token of the database server.
//!
//! A database can go back: a lagging standby is promoted, or a backup or snapshot is restored. Numbers are then reused,
//! so a number alone proves nothing (R18). `keyward-verifier` decides what follows from a difference; nothing here
//! does.

use std::{fmt, str::FromStr};

use keyward_domain::Timestamp;
use uuid::Uuid;

/// The number of an event; 0 comes before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(u64);

impl Seq {
    /// Before every event.
    pub const ZERO: Self = Self(0);

    /// Wraps an event number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number as an integer.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The next number.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The random number of an event: it distinguishes two events that have the same number in two histories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(Uuid);

impl Nonce {
    /// The nonce of the position before the first event, and of every event on an embedded database.
    pub const NONE: Self = Self(Uuid::nil());

    /// Wraps a UUID.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The UUID.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

/// One event, by number and nonce.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Event number.
    pub seq: Seq,
    /// Event nonce.
    pub nonce: Nonce,
}

impl Position {
    /// Before every event.
    pub const START: Self = Self { seq: Seq::ZERO, nonce: Nonce::NONE };

    /// The event with this number on an embedded database, where events have no nonce.
    #[must_use]
    pub const fn unnamed(seq: Seq) -> Self {
        Self { seq, nonce: Nonce::NONE }
    }
}

/// Identifies the database server and its history (R11, R18). It changes with each restart, promotion and restore. It
/// does not change with broken connections, reloads or table maintenance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HistoryToken {
    /// Start of the server, in microseconds of its own clock.
    pub started: i64,
    /// The WAL timeline.
    pub timeline: u32,
    /// Object id of the database.
    pub database: u32,
    /// Object id of the lease table.
    pub leases: u32,
    /// Id of the transaction that wrote the row of this installation.
    pub marker: u32,
}

impl HistoryToken {
    /// The token of an embedded database, which only one process uses.
    pub const EMBEDDED: Self = Self { started: 0, timeline: 0, database: 0, leases: 0, marker: 0 };
}

impl fmt::Display for HistoryToken {
    /// Writes the format of the view `history_position`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { started, timeline, database, leases, marker } = self;
        write!(f, "{started}.{timeline:08X}.{database}.{leases}.{marker}")
    }
}

/// The text is not a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a history token")]
pub struct InvalidToken;

impl FromStr for HistoryToken {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let mut parts = text.split('.');
        let mut part = || parts.next().ok_or(InvalidToken);
        let token = Self {
            started: part()?.parse().map_err(|_| InvalidToken)?,
            timeline: u32::from_str_radix(part()?, 16).map_err(|_| InvalidToken)?,
            database: part()?.parse().map_err(|_| InvalidToken)?,
            leases: part()?.parse().map_err(|_| InvalidToken)?,
            marker: part()?.parse().map_err(|_| InvalidToken)?,
        };
        if parts.next().is_some() { Err(InvalidToken) } else { Ok(token) }
    }
}

/// The state of the database as of one statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// The last event reflected.
    pub position: Position,
    /// The history.
    pub token: HistoryToken,
}

impl Snapshot {
    /// The number of the last event reflected.
    #[must_use]
    pub const fn seq(&self) -> Seq {
        self.position.seq
    }

    /// The snapshot of an embedded database.
    #[must_use]
    pub const fn embedded(seq: Seq) -> Self {
        Self { position: Position::unnamed(seq), token: HistoryToken::EMBEDDED }
    }
}

/// Events that a node has applied and that the database no longer has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostHistory {
    /// The history that lacks them.
    pub token: HistoryToken,
    /// The last event that the node applied and that still exists.
    pub kept_up_to: Seq,
    /// The last event that the node applied.
    pub had_up_to: Seq,
    /// Time of detection, by the node's own wall clock.
    pub noticed_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_parses_as_written_and_nothing_else_does() {
        let token =
            HistoryToken { started: 1_764_000_000_000_001, timeline: 0x1F, database: 16_384, leases: 7, marker: 731 };
        assert_eq!(token.to_string(), "1764000000000001.0000001F.16384.7.731");
        assert_eq!(token.to_string().parse(), Ok(token));
        for text in ["", "1", "1.2.3.4", "1.0000001F.16384.7.731.9", "1.G.3.4.5", "1.1.3.4.-5"] {
            assert_eq!(text.parse::<HistoryToken>(), Err(InvalidToken), "{text}");
        }
    }
}
