//! The basis for judging a change: a key with its chain, and the last event that they show (R19).
//!
//! Judges nothing. At commit, the database checks the caller again against that event.

use keyward_domain::KeyId;
use keyward_storage::{Credential, Snapshot, StorageError};

use crate::{
    protocol::{Request, Step},
    verifier::Verifier,
};

/// A key as this node knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// The key with its chain.
    pub credential: Credential,
    /// The last event reflected, and its history: every event up to this one about the key or its chain is reflected.
    pub as_of: Snapshot,
}

impl Verifier {
    /// Finds a key in memory, where it reflects every event applied there, or else with [`Self::read_anew`]. Returns
    /// none if the key does not exist.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot answer.
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

    /// Reads a key by a statement that begins now, for a caller that was found changed. Returns none if the key does
    /// not exist.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot answer.
    pub async fn read_anew(&self, id: KeyId) -> Result<Option<Known>, StorageError> {
        let read = self.credentials.credential(id).await?;
        Ok(read.map(|read| Known { credential: read.value, as_of: read.as_of }))
    }
}
