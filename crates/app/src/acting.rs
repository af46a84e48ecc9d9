//! A caller that makes a change: judged when the change begins, and again where it is committed (R19).
//!
//! A request may wait long between its authentication and its commit: for its body, a hash or a permit. So a use case
//! that writes begins with [`Acting`], which judges the caller at that time and holds the authority by which the
//! database writes. If the database finds the caller changed, it writes nothing and the caller is judged anew; a caller
//! that has lost the permission is refused.

use std::ops::ControlFlow;

use keyward_domain::{Permission, Timestamp, Unusable};
use keyward_storage::{Authority, StorageError, is_outdated};

use crate::{
    Failure,
    access::{
        Access, Caller, Refused,
        caller::{ReadFrom, TRIES},
    },
};

/// A caller that was just judged.
pub(crate) struct Acting {
    pub(crate) caller: Caller,
    pub(crate) by: Authority,
    /// When its authority expires.
    pub(crate) ends_at: Option<Timestamp>,
    needs: Permission,
    tries: u32,
}

/// An error that may wrap a [`Failure`].
pub(crate) trait MayBeFailure {
    /// The wrapped failure, if there is one.
    fn failure(&self) -> Option<&Failure>;
}

/// Implements [`MayBeFailure`] for an error with a variant `Failure`.
macro_rules! may_be_failure {
    ($error:ty) => {
        impl $crate::acting::MayBeFailure for $error {
            fn failure(&self) -> Option<&$crate::Failure> {
                if let Self::Failure(failure) = self { Some(failure) } else { None }
            }
        }
    };
}
pub(crate) use may_be_failure;

impl Acting {
    /// Judges a caller that needs this permission.
    ///
    /// # Errors
    /// [`Refused`] if it lacks the permission, or no verdict can be reached.
    pub(crate) async fn begin(access: &Access, caller: &Caller, needs: Permission) -> Result<Self, Refused> {
        let (caller, by, ends_at) = caller.judged(access, ReadFrom::Memory, needs).await?;
        Ok(Self { caller, by, ends_at, needs, tries: 1 })
    }

    /// Judges it again by the clock alone. Call it right before the commit.
    ///
    /// # Errors
    /// [`Refused`] if its key has expired since.
    pub(crate) fn is_in_time(&self, access: &Access) -> Result<(), Refused> {
        if self.ends_at.is_some_and(|end| access.now().has_passed(end)) {
            return Err(Refused::Denied(Unusable::Expired.into()));
        }
        Ok(())
    }

    /// Handles the outcome of an attempt. Returns `Continue`, with the caller judged anew, if the database found it
    /// changed or could no longer use a prepared statement; it wrote nothing then.
    ///
    /// # Errors
    /// The error of the attempt; [`Refused`] if the caller has lost the permission.
    pub(crate) async fn again<T, E: MayBeFailure + From<Refused>>(
        &mut self,
        access: &Access,
        tried: Result<T, E>,
    ) -> Result<ControlFlow<T>, E> {
        let error = match tried {
            Ok(done) => return Ok(ControlFlow::Break(done)),
            Err(error) => error,
        };
        let nothing_was_written = match error.failure() {
            // Or a table was altered after a statement was prepared; it is prepared anew.
            Some(Failure::Storage(cause)) => matches!(cause, StorageError::CallerChanged) || is_outdated(cause),
            Some(_) | None => false,
        };
        if !nothing_was_written || self.tries >= TRIES {
            return Err(error);
        }
        let (caller, by, ends_at) = self.caller.judged(access, ReadFrom::Database, self.needs).await?;
        *self = Self { caller, by, ends_at, needs: self.needs, tries: self.tries + 1 };
        Ok(ControlFlow::Continue(()))
    }
}
