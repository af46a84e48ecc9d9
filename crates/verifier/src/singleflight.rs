//! Reads in progress: requests for the same key share one read (R5 decides whether they may use it).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use keyward_domain::KeyId;
use keyward_storage::Read;
use tokio_util::sync::CancellationToken;

use crate::{cache::Credential, protocol::Ticket};

type Flights = Arc<Mutex<HashMap<KeyId, Flight>>>;

/// Reads in progress; at most as many as requests that wait for one.
#[derive(Default)]
pub(crate) struct Singleflight(Flights);

/// A request's role in a read.
pub(crate) enum Role {
    /// Reads; other requests may wait for it.
    Leader(Leader),
    /// Waits for another request's read.
    Share(Flight),
}

/// The right and duty to read. If dropped without a result, the waiting requests read by themselves.
pub(crate) struct Leader {
    id: KeyId,
    flight: Flight,
    flights: Flights,
}

/// Another request's read. The waiting requests resume in their order of arrival: this is deterministic, so that the
/// simulation can reproduce it.
#[derive(Clone, Default)]
pub(crate) struct Flight {
    over: CancellationToken,
    /// The result, and the ticket obtained before the read.
    landed: Arc<OnceLock<(Ticket, Read<Credential>)>>,
}

impl Singleflight {
    /// Joins the read of this key, or starts one.
    pub(crate) fn join(&self, id: KeyId) -> Role {
        let mut flights = lock(&self.0);
        if let Some(flight) = flights.get(&id) {
            return Role::Share(flight.clone());
        }
        let flight = Flight::default();
        flights.insert(id, flight.clone());
        Role::Leader(Leader { id, flight, flights: Arc::clone(&self.0) })
    }
}

impl Leader {
    /// Passes the result to the waiting requests.
    pub(crate) fn land(self, ticket: Ticket, read: Read<Credential>) {
        // Always the first value: only this leader can set it.
        let _ = self.flight.landed.set((ticket, read));
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        lock(&self.flights).remove(&self.id);
        self.flight.over.cancel();
    }
}

impl Flight {
    /// The result; none if the read failed or found nothing.
    pub(crate) async fn landed(self) -> Option<(Ticket, Read<Credential>)> {
        self.over.cancelled().await;
        self.landed.get().cloned()
    }
}

fn lock(flights: &Flights) -> MutexGuard<'_, HashMap<KeyId, Flight>> {
    flights.lock().unwrap_or_else(PoisonError::into_inner)
}
