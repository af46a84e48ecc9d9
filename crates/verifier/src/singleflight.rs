//! Reads under way: requests for one key that is not in memory share one read (R5 decides whether they may use it).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use keyward_domain::KeyId;
use keyward_storage::{Credential, Read};
use tokio_util::sync::CancellationToken;

use crate::protocol::Ticket;

type Flights = Arc<Mutex<HashMap<KeyId, Flight>>>;

/// Reads under way. As many as there are requests that wait for one, at the most.
#[derive(Default)]
pub(crate) struct Reads(Flights);

/// A request's part in a read.
pub(crate) enum Role {
    /// It reads; others may wait for it.
    Leader(Leader),
    /// Somebody else reads already.
    Share(Flight),
}

/// The right and the duty to read. Dropped without landing, it leaves those who wait to read by themselves.
pub(crate) struct Leader {
    id: KeyId,
    flight: Flight,
    flights: Flights,
}

/// A read of somebody else's. Those who wait for it go on in the order in which they came: nothing here is left to chance, so
/// that the simulation can repeat it.
#[derive(Clone, Default)]
pub(crate) struct Flight {
    over: CancellationToken,
    /// What it brought, and the ticket that was taken before it began.
    landed: Arc<OnceLock<(Ticket, Read<Credential>)>>,
}

impl Reads {
    /// Takes part in the read of this key.
    pub(crate) fn take_a_seat(&self, id: KeyId) -> Role {
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
    /// Tells what was read to those who wait.
    pub(crate) fn land(self, ticket: Ticket, read: Read<Credential>) {
        // It is the first: nobody else has this lead.
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
    /// What the read brought; none if it failed or found nothing.
    pub(crate) async fn landed(self) -> Option<(Ticket, Read<Credential>)> {
        self.over.cancelled().await;
        self.landed.get().cloned()
    }
}

fn lock(flights: &Flights) -> MutexGuard<'_, HashMap<KeyId, Flight>> {
    flights.lock().unwrap_or_else(PoisonError::into_inner)
}
