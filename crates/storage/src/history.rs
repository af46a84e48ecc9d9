//! Whose history something is of: events by number and nonce, and the token of the server that answers.
//!
//! A database can go back: a standby that lagged is promoted, a backup is restored, a snapshot is put back. Numbers are
//! then given a second time, so a number alone proves nothing (R18). Nothing here decides what follows from a
//! difference; that is decided in `keyward-verifier`.

use std::{fmt, str::FromStr};

use keyward_domain::Timestamp;
use uuid::Uuid;

use crate::Seq;

/// The random number of one event: two histories that gave the same number to two events differ in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(Uuid);

impl Nonce {
    /// That of the place before the first event, and of every event where one process has the database alone.
    pub const NONE: Self = Self(Uuid::nil());

    /// The nonce of this value.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Its value.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

/// One event, by number and nonce.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Its number.
    pub seq: Seq,
    /// Its nonce.
    pub nonce: Nonce,
}

impl Position {
    /// Before every event.
    pub const START: Self = Self { seq: Seq::ZERO, nonce: Nonce::NONE };

    /// The event of this number where one process has the database alone and events have no nonce.
    #[must_use]
    pub const fn unnamed(seq: Seq) -> Self {
        Self { seq, nonce: Nonce::NONE }
    }
}

/// Which server answers, and which history it shows (R11, R18). It is another one after each restart, promotion and
/// restore; it stays through crashed connections, reloads and upkeep of tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HistoryToken {
    /// When the server was started, in microseconds of its own clock.
    pub started: i64,
    /// The WAL timeline.
    pub timeline: u32,
    /// The database, by its object number.
    pub database: u32,
    /// The table of the leases, by its object number.
    pub leases: u32,
    /// The transaction that wrote the row of this installation.
    pub marker: u32,
}

impl HistoryToken {
    /// That of a database which one process has alone: it is opened anew by each.
    pub const EMBEDDED: Self = Self { started: 0, timeline: 0, database: 0, leases: 0, marker: 0 };
}

impl fmt::Display for HistoryToken {
    /// As the view `history_position` writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { started, timeline, database, leases, marker } = self;
        write!(f, "{started}.{timeline:08X}.{database}.{leases}.{marker}")
    }
}

/// Not the text of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the token of a history")]
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

/// What the database had seen when it answered a statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// The last event that shows.
    pub position: Position,
    /// Whose history it is.
    pub token: HistoryToken,
}

impl Snapshot {
    /// The number of the last event that shows.
    #[must_use]
    pub const fn seq(&self) -> Seq {
        self.position.seq
    }

    /// That of a database which one process has alone.
    #[must_use]
    pub const fn embedded(seq: Seq) -> Self {
        Self { position: Position::unnamed(seq), token: HistoryToken::EMBEDDED }
    }
}

/// Events that a node had applied and that the database has no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostHistory {
    /// The history in which they are missing.
    pub token: HistoryToken,
    /// The last event that the node had applied and that is still there.
    pub kept_up_to: Seq,
    /// The last event that it had applied.
    pub had_up_to: Seq,
    /// When it noticed, by its own wall clock.
    pub noticed_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_as_it_is_written_and_nothing_else_does() {
        let token =
            HistoryToken { started: 1_764_000_000_000_001, timeline: 0x1F, database: 16_384, leases: 7, marker: 731 };
        assert_eq!(token.to_string(), "1764000000000001.0000001F.16384.7.731");
        assert_eq!(token.to_string().parse(), Ok(token));
        for text in ["", "1", "1.2.3.4", "1.0000001F.16384.7.731.9", "1.G.3.4.5", "1.1.3.4.-5"] {
            assert_eq!(text.parse::<HistoryToken>(), Err(InvalidToken), "{text}");
        }
    }
}
