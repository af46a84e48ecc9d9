//! One request for a credential: from memory, or else from the database, in the order of the protocol core.
//!
//! Runs step by step, so that the simulation can let time pass between any two steps, as a busy machine does. Decides
//! nothing: [`Request`] returns the next step.

use std::{ops::ControlFlow, time::Duration};

use keyward_domain::{KeyId, Now, Timestamp};
use keyward_storage::{Read, StorageError};

use crate::{
    cache::{Credential, Known},
    node_state::NodeState,
    protocol::{BootInstant, Request, Step},
    singleflight::Role,
    verifier::Verifier,
};

/// Maximum number of reads per request. A read is repeated if a change was committed meanwhile, so that the shard does
/// not vouch for it.
const MOST_READS: u32 = 5;

/// The clocks as read when a request arrived. Valid for this request only, never reused for another (R3). Only
/// [`Verifier::arrival`] makes one.
#[derive(Debug)]
pub struct Arrival {
    boot: BootInstant,
    wall: Timestamp,
}

/// A request for a credential in progress.
pub struct Lookup {
    id: KeyId,
    request: Request<Credential>,
    reads: u32,
}

impl Lookup {
    /// Next step.
    #[must_use]
    pub const fn next(&self) -> Step {
        self.request.next()
    }

    /// The key that is looked up.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }
}

impl NodeState {
    /// The time for these readings of this machine's clocks. All nodes share the time of the database, continued by
    /// the boot clock; it is this machine's wall clock if the database has no clock of its own or has not replied yet.
    pub(crate) fn now(&self, boot: BootInstant, wall: Timestamp) -> Now {
        Now::by(self.published_lease.database_time(boot).unwrap_or(wall), wall)
    }
}

impl Verifier {
    /// Reads the clocks for a request that has just arrived.
    #[must_use]
    pub fn arrival(&self) -> Arrival {
        Arrival { boot: self.state.clock.boot(), wall: self.state.clock.wall() }
    }

    /// The key from memory, if the node may answer from memory now and has the complete chain. Never waits.
    #[must_use]
    pub fn remembered(&self, id: KeyId) -> Option<Credential> {
        self.begin(&self.arrival(), id).ok()
    }

    /// Looks up a key in memory, with the clock as read at the request's arrival. One reading before all look-ups of a
    /// request is enough (R3). Never waits.
    ///
    /// # Errors
    /// The look-up to [finish](Self::finish), if the key must be read. It is no larger than what a request needs.
    pub fn begin(&self, arrival: &Arrival, id: KeyId) -> Result<Credential, Lookup> {
        let mut request = Request::arrived(self.state.rules);
        loop {
            match request.next() {
                Step::CheckLease => request.lease(self.state.published_lease.admits(arrival.boot)),
                Step::LookUp => request.looked_up(self.look_up(id)),
                // Without an answer the request has not ended: it continues by reading.
                Step::Answer => return request.into_answer().ok_or_else(|| self.begin_lookup(id)),
                Step::Read | Step::ReadAlone => return Err(Lookup { id, request, reads: 0 }),
            }
        }
    }

    /// Continues a look-up in the database. Returns none if the key does not exist; only a read by this request itself
    /// can show that.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot answer.
    pub async fn finish(&self, mut lookup: Lookup) -> Result<Option<Credential>, StorageError> {
        loop {
            if let ControlFlow::Break(answer) = self.step(&mut lookup).await? {
                return Ok(answer);
            }
        }
    }

    /// The time of a request.
    #[must_use]
    pub fn now(&self, arrival: &Arrival) -> Now {
        self.state.now(arrival.boot, arrival.wall)
    }

    /// Time since the request arrived.
    #[must_use]
    pub fn time_since(&self, arrival: &Arrival) -> Duration {
        self.state.clock.boot().since(arrival.boot)
    }

    /// Finds a key with its chain in memory, or else in the database. Returns none if the key does not exist; only a
    /// read by this request itself can show that.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot answer.
    pub async fn credential(&self, id: KeyId) -> Result<Option<Credential>, StorageError> {
        self.finish(self.begin_lookup(id)).await
    }

    /// Finds a key in memory, where it reflects every event applied there, or else with [`Self::read_anew`]. Returns
    /// none if the key does not exist.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot answer.
    pub async fn known(&self, id: KeyId) -> Result<Option<Known>, StorageError> {
        let mut request = Request::arrived(self.state.rules);
        loop {
            match request.next() {
                Step::CheckLease => request.lease(self.may_answer_from_memory()),
                Step::LookUp => request.looked_up(self.state.cache.known(id)),
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
        let read = self.read_packed(id).await?;
        Ok(read.map(|read| Known { credential: read.value, as_of: read.as_of }))
    }

    /// Reads a key from the database like [`Self::credential`] for one that is not in memory, and drops the result, so
    /// that the answer takes as long as one about a key that does not exist. Ignores failures of the database.
    pub async fn look_up_and_discard(&self, id: KeyId) {
        let _ = self.credentials.credential(id).await;
    }

    /// A request that has just arrived, to be run [step](Self::step) by step; [`Self::credential`] runs all steps.
    #[must_use]
    pub fn begin_lookup(&self, id: KeyId) -> Lookup {
        Lookup { id, request: Request::arrived(self.state.rules), reads: 0 }
    }

    /// Runs the next step of a request. Breaks with the answer.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot answer.
    pub async fn step(&self, lookup: &mut Lookup) -> Result<ControlFlow<Option<Credential>>, StorageError> {
        let Lookup { id, request, reads } = lookup;
        match request.next() {
            Step::CheckLease => request.lease(self.may_answer_from_memory()),
            Step::LookUp => request.looked_up(self.look_up(*id)),
            Step::Answer => {
                let done = std::mem::replace(request, Request::arrived(self.state.rules));
                return Ok(ControlFlow::Break(done.into_answer()));
            }
            Step::Read if *reads < MOST_READS => {
                *reads += 1;
                let read = self.read(*id, *reads == 1).await?;
                let Some((credential, vouched_for)) = read else { return Ok(ControlFlow::Break(None)) };
                if !vouched_for {
                    self.state.metrics.refused.increment(1);
                }
                request.read(credential, vouched_for);
            }
            Step::Read => {
                return Err(StorageError::Unavailable("the key keeps changing while it is read".into()));
            }
            Step::ReadAlone => {
                self.state.metrics.alone.increment(1);
                match self.read_packed(*id).await? {
                    Some(read) => request.read_alone(read.value),
                    None => return Ok(ControlFlow::Break(None)),
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Reads a key, alone or by sharing a read in progress, and returns whether the memory vouches for it.
    async fn read(&self, id: KeyId, may_share: bool) -> Result<Option<(Credential, bool)>, StorageError> {
        let cache = &self.state.cache;
        let leader = match self.singleflight.join(id) {
            Role::Share(flight) if may_share => {
                // A key that another request did not find may exist by now: absence is never shared.
                if let Some((ticket, read)) = flight.landed().await {
                    let vouched_for = cache.vouches_for(ticket, &read);
                    return Ok(Some((read.value, vouched_for)));
                }
                None
            }
            Role::Share(_) => None,
            Role::Leader(leader) => Some(leader),
        };
        let ticket = cache.begin_read(id);
        self.state.metrics.fills.increment(1);
        let Some(read) = self.read_packed(id).await? else { return Ok(None) };
        let kept = cache.keep(ticket, &read);
        let credential = read.value.clone();
        if let Some(leader) = leader {
            leader.land(ticket, read);
        }
        Ok(Some((credential, kept)))
    }

    /// Reads a key, and packs it once for all requests that share it and for the memory.
    async fn read_packed(&self, id: KeyId) -> Result<Option<Read<Credential>>, StorageError> {
        Ok(self.credentials.credential(id).await?.map(Credential::pack))
    }

    fn look_up(&self, id: KeyId) -> Option<Credential> {
        let found = self.state.cache.look_up(id);
        if found.is_some() {
            self.state.metrics.hits.increment(1);
        }
        found
    }
}
