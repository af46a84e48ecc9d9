//! Where a search reads from: the index that holds every key that can match, and the fewest others.

use keyward_domain::{AccountId, Actor, KeyFilter, KeyId, KeyStatus, Now, Reach, Role, Standing, Timestamp};
use keyward_storage::{
    AccountRecord, AreaKeys, AreaWindow, EndsWindow, KeyArea, KeyWindow, ListedKey, Reads, StorageError, StoredState,
};

use super::{FindKeys, MOST_EXAMINED};

/// An index, in which a search reads windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The keys of an account in a stored state.
    Account(AccountId, StoredState),
    /// The keys of an area.
    Area(KeyArea, AreaKeys),
    /// The few keys of a line that end by themselves in a period.
    Ends { line: AccountId, after: Option<Timestamp>, until: Timestamp },
}

impl Source {
    /// The source of a search; `None` if no key can match.
    pub(super) async fn of(
        reads: &dyn Reads,
        reach: &Reach,
        account: Option<&AccountRecord>,
        query: &FindKeys,
        at: Now,
    ) -> Result<Option<Self>, StorageError> {
        let FindKeys { held_by, filter, .. } = query;
        let alone = matches!(held_by, super::Holders::Account(_));
        let area = match account {
            Some(account) if alone || account.account.role == Role::Merchant => {
                let state = of_account(filter.status, account.chain.standing());
                return Ok(state.map(|state| Self::Account(account.account.id, state)));
            }
            Some(account) if account.account.role == Role::Partner => KeyArea::Line(account.account.id),
            Some(_) => KeyArea::All,
            None => match (reach.role(), reach.root()) {
                (Some(Role::Merchant), Some(own)) => {
                    // The caller itself is active, or it would not be one.
                    let state = of_account(filter.status, Standing::Active);
                    return Ok(state.map(|state| Self::Account(own, state)));
                }
                (Some(Role::Partner), Some(own)) => KeyArea::Line(own),
                _ => KeyArea::All,
            },
        };
        Self::of_area(reads, reach, area, filter, at).await.map(Some)
    }

    async fn of_area(
        reads: &dyn Reads,
        reach: &Reach,
        area: KeyArea,
        filter: &KeyFilter,
        at: Now,
    ) -> Result<Self, StorageError> {
        let area = line_of_creator(reads, reach, area, filter).await?;
        let KeyArea::Line(line) = area else { return Ok(Self::Area(area, AreaKeys::Stored(StoredState::Any))) };
        if let Some(creator) = filter.created_by {
            return Ok(Self::Area(area, AreaKeys::CreatedBy(creator)));
        }
        if let Some((after, until)) = period(filter, at) {
            return Ok(Self::Ends { line, after, until });
        }
        Ok(Self::Area(area, AreaKeys::Stored(of_many_accounts(filter.status))))
    }

    /// Maximum number of rows that a page may return from this source.
    pub(super) const fn most_examined(self) -> u16 {
        match self {
            // Windows over all keys of a line examine two rows for each.
            Self::Area(KeyArea::Line(_), AreaKeys::Stored(StoredState::Any)) => MOST_EXAMINED / 2,
            Self::Account(..) | Self::Area(..) | Self::Ends { .. } => MOST_EXAMINED,
        }
    }

    /// The number of rows to read next, if so many are wanted and at most `left` may still be examined. Each window
    /// over the ends of keys examines all that end in the period, so one window has them all.
    pub(super) fn rows(self, wanted: u16, left: u16) -> u16 {
        match self {
            Self::Ends { .. } => left,
            Self::Account(..) | Self::Area(..) => wanted.min(left),
        }
    }

    /// The source to use instead of one that turned out to be insufficient.
    pub(super) const fn instead(self) -> Self {
        match self {
            Self::Ends { line, .. } => Self::Area(KeyArea::Line(line), AreaKeys::Stored(StoredState::Active)),
            Self::Account(..) | Self::Area(..) => self,
        }
    }

    /// Reads the next rows. `None` if more keys end in the period than a page may examine, or a policy ends keys.
    pub(super) async fn read(
        self,
        reads: &dyn Reads,
        reach: &Reach,
        before: Option<KeyId>,
        rows: u16,
    ) -> Result<Option<Vec<ListedKey>>, StorageError> {
        match self {
            Self::Account(account, stored) => {
                reads.keys(reach, account, KeyWindow { before, stored, rows }).await.map(Some)
            }
            Self::Area(area, keys) => {
                reads.keys_of_area(reach, AreaWindow { area, keys, before, rows }).await.map(Some)
            }
            Self::Ends { line, after, until } => {
                let window = EndsWindow { line, after, until, before, rows, at_most: MOST_EXAMINED };
                reads.keys_that_end(reach, window).await
            }
        }
    }
}

/// What a key creates lies below its own account. So among all keys, only its line needs to be searched, unless it is a
/// key of the platform.
async fn line_of_creator(
    reads: &dyn Reads,
    reach: &Reach,
    area: KeyArea,
    filter: &KeyFilter,
) -> Result<KeyArea, StorageError> {
    let (KeyArea::All, Some(Actor::Key(creator))) = (area, filter.created_by) else { return Ok(area) };
    let Some(record) = reads.key(reach, creator).await? else { return Ok(area) };
    let is_of_the_platform = record.chain.own().role == Role::Platform;
    Ok(if is_of_the_platform { area } else { KeyArea::Line(record.chain.line()) })
}

/// The index of an account that holds every key with this status; `None` if no key can have it. In a closed account
/// every key is revoked.
fn of_account(status: Option<KeyStatus>, standing: Standing) -> Option<StoredState> {
    let is_closed = standing == Standing::Closed;
    let Some(status) = status else { return Some(StoredState::Any) };
    match (status == KeyStatus::Revoked, is_closed) {
        (true, true) => Some(StoredState::Any),
        (true, false) => Some(StoredState::Revoked),
        (false, true) => None,
        (false, false) => Some(StoredState::Active),
    }
}

/// The stored state that every key with this status has. Keys of a closed account are revoked without being stored so.
fn of_many_accounts(status: Option<KeyStatus>) -> StoredState {
    match status {
        None | Some(KeyStatus::Revoked) => StoredState::Any,
        Some(KeyStatus::Active | KeyStatus::Pending | KeyStatus::Suspended | KeyStatus::Expired) => StoredState::Active,
    }
}

/// The period in which every key with the wanted status and end ends, if both are bounded by ends of keys that are not
/// revoked.
fn period(filter: &KeyFilter, at: Now) -> Option<(Option<Timestamp>, Timestamp)> {
    let until = filter.expires_before?;
    match filter.status? {
        KeyStatus::Active | KeyStatus::Pending | KeyStatus::Suspended => Some((Some(at.latest()), until)),
        KeyStatus::Expired => Some((None, until)),
        KeyStatus::Revoked => None,
    }
}
