//! The last message of a change: locks its caller, checks it again, and commits (R19).
//!
//! It is a single message, so that a node that stalls or is cut off in between neither holds a lock nor commits late.
//! Decides nothing: it checks exactly what the caller was judged by.

use std::{collections::BTreeSet, fmt::Write as _};

use keyward_domain::Timestamp;
use sqlx::{AssertSqlSafe, Postgres, Transaction};
use uuid::Uuid;

use crate::{Authority, HistoryToken};

/// Runs the deferred triggers, which number the changes, and returns the last number.
const NUMBER_EVENTS: &str = "SET CONSTRAINTS ALL IMMEDIATE; SELECT seq, nonce FROM last_revocation_position();";
/// Runs all other deferred constraints before callers are locked.
const CHECK_CONSTRAINTS: &str = "SET CONSTRAINTS ALL IMMEDIATE;";
/// The transaction chained to the commit is empty. It exists for sqlx, which ends one when it releases the connection.
const COMMIT: &str = "COMMIT AND CHAIN";

/// The authorities of a transaction, and its changes that callers depend on.
#[derive(Default)]
pub(super) struct Callers {
    keys: Vec<(Uuid, u64)>,
    accounts: Vec<(Uuid, u64)>,
    histories: BTreeSet<HistoryToken>,
    changed: Vec<Uuid>,
    /// When the first of these authorities ends by itself.
    ends_at: Option<Timestamp>,
}

impl Callers {
    /// The callers of one authority.
    pub(super) fn of(by: &Authority) -> Self {
        let mut callers = Self::default();
        callers.add(by);
        callers
    }

    /// Adds another authority.
    pub(super) fn add(&mut self, by: &Authority) {
        let as_of = by.as_of().number();
        self.keys.extend(by.keys().map(|id| (id.uuid(), as_of)));
        self.accounts.extend(by.accounts().map(|id| (id.uuid(), as_of)));
        self.histories.extend(by.histories());
        self.ends_at = [self.ends_at, by.ends_at()].into_iter().flatten().min();
    }

    /// Records that the transaction changes this key or account, which is numbered.
    pub(super) fn change(&mut self, id: Uuid) {
        self.changed.push(id);
    }

    /// Whether a plain commit suffices: the transaction depends on no caller, and changes nothing that callers depend
    /// on.
    pub(super) const fn are_none(&self) -> bool {
        self.keys.is_empty() && self.changed.is_empty()
    }

    /// Whether a numbered change was made.
    pub(super) const fn have_changes(&self) -> bool {
        !self.changed.is_empty()
    }

    /// The message that ends the transaction. Callers are locked before the row that numbers events, so that this row
    /// is locked for the shortest possible time. The clock is read after everything that may wait.
    pub(super) fn last_message(&self) -> AssertSqlSafe<String> {
        let (confirm, in_time) = (self.confirm(), self.confirm_in_time());
        // Contains only our own ids and numbers.
        AssertSqlSafe(if self.have_changes() {
            format!("{confirm} {NUMBER_EVENTS} {in_time} {COMMIT}")
        } else {
            format!("{CHECK_CONSTRAINTS} {confirm} {in_time} {COMMIT}")
        })
    }

    fn confirm(&self) -> String {
        let (keys, keys_as_of) = columns(&self.keys);
        let (accounts, accounts_as_of) = columns(&self.accounts);
        let (changed, histories) = (array(self.changed.iter()), array(self.histories.iter()));
        format!(
            "CALL confirm_callers('{keys}'::uuid[], '{keys_as_of}'::bigint[], '{accounts}'::uuid[], \
             '{accounts_as_of}'::bigint[], '{changed}'::uuid[]); CALL confirm_history('{histories}'::text[]);"
        )
    }

    fn confirm_in_time(&self) -> String {
        self.ends_at.map_or_else(String::new, |end| format!("CALL confirm_in_time({});", end.as_micros()))
    }

    /// Ends a transaction without numbered changes.
    pub(super) async fn commit(&self, transaction: &mut Transaction<'static, Postgres>) -> Result<(), sqlx::Error> {
        use sqlx::Executor as _;
        transaction.execute(self.last_message()).await.map(|_| ())
    }
}

fn columns(callers: &[(Uuid, u64)]) -> (String, String) {
    (array(callers.iter().map(|(id, _)| id)), array(callers.iter().map(|(_, as_of)| as_of)))
}

/// Formats a Postgres array.
fn array(items: impl Iterator<Item = impl std::fmt::Display>) -> String {
    let mut text = String::from("{");
    for (place, item) in items.enumerate() {
        let comma = if place == 0 { "" } else { "," };
        // Writing to a string never fails.
        let _ = write!(text, "{comma}{item}");
    }
    text.push('}');
    text
}
