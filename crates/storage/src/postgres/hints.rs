//! Sending and receiving notifications. Nothing depends on them (R14).

use std::fmt;

use async_trait::async_trait;
use sqlx::{PgPool, postgres::PgListener};
use uuid::Uuid;

use super::error::failed;
use crate::{Hint, Hints, NodeId, Result, Seq, StorageError};

const CHANNEL: &str = "keyward_revocation";

/// The text of a notification.
pub(super) fn payload(hint: Hint) -> String {
    match hint {
        Hint::Event(seq) => format!("event {seq}"),
        Hint::Probe(node) => format!("probe {node}"),
    }
}

/// Parses a notification; none if it is not a hint of this version.
fn parse(payload: &str) -> Option<Hint> {
    match payload.split_once(' ')? {
        ("event", number) => Some(Hint::Event(Seq::new(number.parse().ok()?))),
        ("probe", node) => Some(Hint::Probe(NodeId::from_uuid(Uuid::try_parse(node).ok()?))),
        _ => None,
    }
}

/// Listens on a dedicated connection.
pub(super) struct PgHints {
    /// None after the connection broke.
    listener: Option<PgListener>,
}

impl fmt::Debug for PgHints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgHints").field("listening", &self.listener.is_some()).finish()
    }
}

impl PgHints {
    pub(super) async fn listen(pool: &PgPool) -> Result<Self, sqlx::Error> {
        let mut listener = PgListener::connect_with(pool).await?;
        // The listener must detect a broken connection: hints sent meanwhile are lost.
        listener.eager_reconnect(false);
        listener.ignore_pool_close_event(true);
        listener.listen(CHANNEL).await?;
        Ok(Self { listener: Some(listener) })
    }
}

#[async_trait]
impl Hints for PgHints {
    async fn next(&mut self) -> Result<Hint> {
        let broken = || StorageError::Unavailable("the connection that listens broke".into());
        let listener = self.listener.as_mut().ok_or_else(broken)?;
        let error = loop {
            match listener.try_recv().await {
                Ok(Some(heard)) => {
                    if let Some(hint) = parse(heard.payload()) {
                        return Ok(hint);
                    }
                }
                Ok(None) => break broken(),
                Err(error) => break failed(error),
            }
        };
        self.listener = None;
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_received_as_sent() {
        for hint in [
            Hint::Event(Seq::ZERO),
            Hint::Event(Seq::new(u64::MAX)),
            Hint::Probe(NodeId::from_uuid(Uuid::from_u128(7))),
        ] {
            assert_eq!(parse(&payload(hint)), Some(hint));
        }
    }

    #[test]
    fn other_notifications_are_ignored() {
        for said in ["", "event", "event x", "event -1", "event 1 2", "probe 7", "Event 1", "later 1"] {
            assert_eq!(parse(said), None, "{said}");
        }
    }
}
