//! A caller that changes something: judged when the change begins, and once more where it is committed (R19).
//!
//! A request may wait for long between its credential and its commit: for its body, for a hash, for its turn. So a use
//! case that writes begins with [`Acting`], which judges the caller as it is then and gives the right by which the
//! database writes. What the database finds changed is judged anew; a caller that may no longer do it is refused, and
//! nothing was written.

use std::ops::ControlFlow;

use keyward_domain::{Denial, KeyId, Permission, Timestamp};
use keyward_storage::{Authority, StorageError, is_outdated};
use keyward_verifier::Known;

use super::{App, Caller, Fault};

/// How often a change is tried again by a caller that is found changed, and is good all the same.
pub(super) const TRIES: u32 = 4;

/// Why a caller that was let in may not change anything after all.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Its credential is good no more.
    #[error("the credential is good no more: {0}")]
    Denied(Denial),
    /// It is good, and not for this.
    #[error("the credential is good for this no more")]
    InsufficientScope(Permission),
    /// Not the caller's fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A caller as it was judged a moment ago.
pub(super) struct Acting {
    pub(super) caller: Caller,
    pub(super) by: Authority,
    /// When its right ends by itself.
    pub(super) ends_at: Option<Timestamp>,
    needs: Permission,
    tries: u32,
}

/// From where a caller is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// What is remembered, where it may be used.
    Memory,
    /// A read that begins now.
    Database,
}

/// A key as it is now.
pub(super) async fn look(app: &App, id: KeyId, by: Sight) -> Result<Known, Refused> {
    let found = match by {
        Sight::Memory => app.verifier.known(id).await,
        Sight::Database => app.verifier.read_anew(id).await,
    };
    found.map_err(Fault::from)?.ok_or(Refused::Denied(Denial::NotFound))
}

/// An error that may come from the database.
pub(super) trait MayBeFault {
    /// What is not the caller's fault, if that is what went wrong.
    fn fault(&self) -> Option<&Fault>;
}

impl Acting {
    /// Judges a caller that wants to do something for which it needs this permission.
    ///
    /// # Errors
    /// [`Refused`] if it may not, or that cannot be known.
    pub(super) async fn begin(app: &App, caller: &Caller, needs: Permission) -> Result<Self, Refused> {
        let (caller, by, ends_at) = caller.judged(app, Sight::Memory, needs).await?;
        Ok(Self { caller, by, ends_at, needs, tries: 1 })
    }

    /// Judges it once more by the clock: to be called right before the commit.
    ///
    /// # Errors
    /// [`Refused`] if its key has expired meanwhile.
    pub(super) fn is_in_time(&self, app: &App) -> Result<(), Refused> {
        if self.ends_at.is_some_and(|end| end <= app.expiry_time()) {
            return Err(Refused::Denied(Denial::Expired));
        }
        Ok(())
    }

    /// What came of a try. Goes on, with the caller judged anew, where the database found it changed, or could not use a
    /// statement any more, and wrote nothing.
    ///
    /// # Errors
    /// That of the try; [`Refused`] if the caller may no longer do it.
    pub(super) async fn again<T, E: MayBeFault + From<Refused>>(
        &mut self,
        app: &App,
        tried: Result<T, E>,
    ) -> Result<ControlFlow<T>, E> {
        let error = match tried {
            Ok(done) => return Ok(ControlFlow::Break(done)),
            Err(error) => error,
        };
        let nothing_was_written = match error.fault() {
            // Or a table was altered under one of the statements, which are prepared anew.
            Some(Fault::Storage(said)) => matches!(said, StorageError::CallerChanged) || is_outdated(said),
            Some(_) | None => false,
        };
        if !nothing_was_written || self.tries >= TRIES {
            return Err(error);
        }
        let (caller, by, ends_at) = self.caller.judged(app, Sight::Database, self.needs).await?;
        *self = Self { caller, by, ends_at, needs: self.needs, tries: self.tries + 1 };
        Ok(ControlFlow::Continue(()))
    }
}
