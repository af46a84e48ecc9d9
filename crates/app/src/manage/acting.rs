//! A caller that changes something: judged when the change begins, and once more where it is committed (R19).
//!
//! A request may wait for long between its credential and its commit: for its body, for a hash, for its turn. So a use
//! case that writes begins with [`Acting`], which judges the caller as it is then and gives the right by which the
//! database writes. What the database finds changed is judged anew; a caller that may no longer do it is refused, and
//! nothing was written.

use std::ops::ControlFlow;

use keyward_domain::{Denial, Permission, Timestamp};
use keyward_storage::{Authority, StorageError, is_outdated};

use super::Manage;
use crate::{
    Failure,
    access::{
        Caller, Refused,
        caller::{Sight, TRIES},
    },
};

/// A caller as it was judged a moment ago.
pub(crate) struct Acting {
    pub(crate) caller: Caller,
    pub(crate) by: Authority,
    /// When its right ends by itself.
    pub(crate) ends_at: Option<Timestamp>,
    needs: Permission,
    tries: u32,
}

/// An error that may come from the database.
pub(crate) trait MayBeFailure {
    /// What is not the caller's fault, if that is what went wrong.
    fn fault(&self) -> Option<&Failure>;
}

impl Acting {
    /// Judges a caller that wants to do something for which it needs this permission.
    ///
    /// # Errors
    /// [`Refused`] if it may not, or that cannot be known.
    pub(crate) async fn begin(manage: &Manage, caller: &Caller, needs: Permission) -> Result<Self, Refused> {
        let (caller, by, ends_at) = caller.judged(&manage.access, Sight::Memory, needs).await?;
        Ok(Self { caller, by, ends_at, needs, tries: 1 })
    }

    /// Judges it once more by the clock: to be called right before the commit.
    ///
    /// # Errors
    /// [`Refused`] if its key has expired meanwhile.
    pub(crate) fn is_in_time(&self, manage: &Manage) -> Result<(), Refused> {
        if self.ends_at.is_some_and(|end| end <= manage.access.expiry_time()) {
            return Err(Refused::Denied(Denial::Expired));
        }
        Ok(())
    }

    /// What came of a try. Goes on, with the caller judged anew, where the database found it changed, or could not use a
    /// statement any more, and wrote nothing.
    ///
    /// # Errors
    /// That of the try; [`Refused`] if the caller may no longer do it.
    pub(crate) async fn again<T, E: MayBeFailure + From<Refused>>(
        &mut self,
        manage: &Manage,
        tried: Result<T, E>,
    ) -> Result<ControlFlow<T>, E> {
        let error = match tried {
            Ok(done) => return Ok(ControlFlow::Break(done)),
            Err(error) => error,
        };
        let nothing_was_written = match error.fault() {
            // Or a table was altered under one of the statements, which are prepared anew.
            Some(Failure::Storage(said)) => matches!(said, StorageError::CallerChanged) || is_outdated(said),
            Some(_) | None => false,
        };
        if !nothing_was_written || self.tries >= TRIES {
            return Err(error);
        }
        let (caller, by, ends_at) = self.caller.judged(&manage.access, Sight::Database, self.needs).await?;
        *self = Self { caller, by, ends_at, needs: self.needs, tries: self.tries + 1 };
        Ok(ControlFlow::Continue(()))
    }
}
