//! What a change is judged by: a key with its chain, and the last event that this shows (R19).
//!
//! Judges nothing. What is committed is looked at once more, by the database, against that event.

use keyward_domain::KeyId;
use keyward_storage::{Credential, Snapshot, StorageError};

use crate::{
    protocol::{Request, Step},
    verifier::Verifier,
};

/// A key as it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// The key with its chain.
    pub credential: Credential,
    /// The last event that is in view, and of which history: none up to this one, about the key or its chain, is
    /// missing.
    pub as_of: Snapshot,
}

impl Verifier {
    /// A key from memory, where what is remembered shows every event that was applied there, or else as
    /// [`Self::read_anew`] finds it. None if there is no such key.
    ///
    /// # Errors
    /// [`StorageError`] if it cannot be known.
    pub async fn known(&self, id: KeyId) -> Result<Option<Known>, StorageError> {
        let mut request = Request::arrived(self.shared.rules);
        loop {
            match request.next() {
                Step::CheckLease => request.lease(self.may_answer_from_memory()),
                Step::LookUp => request.looked_up(self.shared.cache.known(id)),
                Step::Answer => return Ok(request.into_answer()),
                Step::Read | Step::ReadAlone => return self.read_anew(id).await,
            }
        }
    }

    /// A key as a read that begins now finds it: for a caller that was found changed. None if there is no such key.
    ///
    /// # Errors
    /// [`StorageError`] if it cannot be known.
    pub async fn read_anew(&self, id: KeyId) -> Result<Option<Known>, StorageError> {
        let read = self.credentials.credential(id).await?;
        Ok(read.map(|read| Known { credential: read.value, as_of: read.as_of }))
    }
}
