//! Places for requests: how many of one kind are worked on at once, shared so that no holder takes all of them.
//!
//! A place belongs to the source of a request until the credential is proved, and to the caller's account from then on;
//! it is held until the answer is sent. No holder has more places than are left free: a flood takes half, the next one
//! half of the rest. Nothing waits here, and nothing here knows what a request is about.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use keyward_domain::AccountId;

use super::{
    HttpOptions, UntilSent, context,
    problem::{Code, Problem},
};
use crate::app::Source;

/// Who holds a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Holder {
    /// Those who have proved nothing, from there.
    Source(Source),
    /// A gateway that is not configured, for all those that it claims to forward for.
    Gateway(IpAddr),
    /// A caller of this account.
    Account(AccountId),
}

impl Holder {
    /// Who stands surety for a source that is only claimed: its word may be any client's.
    fn gateway(self) -> Option<Self> {
        match self {
            Self::Source(source) => source.gateway().map(Self::Gateway),
            Self::Gateway(_) | Self::Account(_) => None,
        }
    }
}

/// The places of one kind of request. Clones share them.
#[derive(Clone)]
pub(super) struct Places(Arc<Mutex<Shares>>);

struct Shares {
    free: usize,
    held: HashMap<Holder, usize, foldhash::fast::RandomState>,
}

/// A place; free again when dropped.
pub(super) struct Place {
    places: Places,
    /// The holder; none once the place was given up.
    holder: Mutex<Option<Holder>>,
}

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Shares { free: most, held: HashMap::default() })))
    }

    fn take(&self, holder: Holder) -> Result<Place, Problem> {
        self.shares().take(holder)?;
        Ok(Place { places: self.clone(), holder: Mutex::new(Some(holder)) })
    }

    fn shares(&self) -> MutexGuard<'_, Shares> {
        // Whole at any moment, so also after a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shares {
    fn take(&mut self, holder: Holder) -> Result<(), Problem> {
        if self.free == 0 {
            let detail = "The server has more to do than it can. Try again in a moment.";
            return Err(Problem::new(Code::Unavailable).detail(detail));
        }
        let held = |holder: Holder| self.held.get(&holder).copied().unwrap_or_default();
        let gateway = holder.gateway();
        // One of a gateway's clients leaves room for the next one within the gateway's own share.
        let counted = if gateway.is_some() { held(holder) * 2 } else { held(holder) };
        if counted > self.free || gateway.is_some_and(|gateway| held(gateway) > self.free) {
            return Err(Problem::new(Code::TooManyRequests));
        }
        for holder in [Some(holder), gateway].into_iter().flatten() {
            *self.held.entry(holder).or_default() += 1;
        }
        self.free -= 1;
        Ok(())
    }

    fn give_back(&mut self, holder: Holder) {
        self.free += 1;
        for holder in [Some(holder), holder.gateway()].into_iter().flatten() {
            if let Some(held) = self.held.get_mut(&holder) {
                *held -= 1;
                if *held == 0 {
                    self.held.remove(&holder);
                }
            }
        }
    }
}

impl Place {
    /// Makes it the place of another holder. Where that one has too many already, the place is given up.
    pub(super) fn pass_to(&self, holder: Holder) -> Result<(), Problem> {
        let mut held_by = self.held_by();
        let mut shares = self.places.shares();
        if let Some(before) = held_by.take() {
            shares.give_back(before);
        }
        shares.take(holder)?;
        *held_by = Some(holder);
        Ok(())
    }

    fn held_by(&self) -> MutexGuard<'_, Option<Holder>> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(holder) = self.held_by().take() {
            self.places.shares().give_back(holder);
        }
    }
}

/// What [`take_place`] has to know.
#[derive(Clone)]
pub(super) struct Room {
    pub(super) places: Places,
    pub(super) options: Arc<HttpOptions>,
}

/// Takes a place for a request, or answers that no place is free.
pub(super) async fn take_place(
    State(room): State<Room>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let source = context::source(request.headers(), request.extensions(), &room.options.trusted_proxies);
    let place = Arc::new(room.places.take(Holder::Source(source))?);
    request.extensions_mut().insert(Arc::clone(&place));
    let mut response = next.run(request).await;
    response.extensions_mut().insert(place);
    Ok(response)
}

/// Has an answer keep the place of its request until it is sent.
pub(super) fn hold_until_sent(mut response: Response) -> Response {
    match response.extensions_mut().remove::<Arc<Place>>() {
        Some(place) => response.map(|body| Body::new(UntilSent::new(body, place))),
        None => response,
    }
}

#[cfg(test)]
mod tests {
    //! Who gets a place, and who does not.
    use uuid::Uuid;

    use super::*;

    fn account(n: u128) -> Holder {
        Holder::Account(AccountId::from_uuid(Uuid::from_u128(n)))
    }

    /// Takes as many as there are to have.
    fn flood(places: &Places, by: Holder) -> (Vec<Place>, Code) {
        let mut taken = Vec::new();
        loop {
            match places.take(by) {
                Ok(place) => taken.push(place),
                Err(problem) => return (taken, problem.code()),
            }
        }
    }

    #[test]
    fn one_who_floods_leaves_room_for_the_next_and_that_one_too() {
        let places = Places::new(512);
        let floods: Vec<_> = (1..=6).map(|n| flood(&places, account(n))).collect();
        let taken: Vec<_> = floods.iter().map(|(taken, _)| taken.len()).collect();
        assert_eq!(taken, [257, 128, 64, 32, 16, 8]);
        assert!(floods.iter().all(|(_, code)| *code == Code::TooManyRequests));
        let last = places.take(account(7)).ok().unwrap();
        drop((floods, last));
        assert!(places.shares().held.is_empty());
        assert_eq!(places.shares().free, 512);
    }

    #[test]
    fn a_gateway_that_nobody_has_configured_holds_one_share_whoever_it_speaks_for() {
        let claimed = |n: u8| Holder::Source(Source::claimed([203, 0, 113, n].into(), [10, 0, 0, 7].into()));
        let places = Places::new(512);
        let (one, _) = flood(&places, claimed(0));
        let next = places.take(claimed(1)).ok().unwrap();
        // A client that writes the header itself is somebody else each time.
        let many: Vec<_> = (2..=u8::MAX).flat_map(|n| flood(&places, claimed(n)).0).collect();
        assert_eq!(one.len() + 1 + many.len(), 257);
        let elsewhere = places.take(Holder::Source(Source::from(IpAddr::from([10, 0, 0, 8])))).ok().unwrap();
        drop((one, next, many, elsewhere));
        assert!(places.shares().held.is_empty());
    }

    #[test]
    fn few_places_may_be_one_holders_and_then_the_next_one_is_told_to_come_back() {
        for most in [1, 2] {
            let places = Places::new(most);
            let (taken, code) = flood(&places, account(1));
            assert_eq!((taken.len(), code), (most, Code::Unavailable));
        }
    }

    #[test]
    fn a_place_is_passed_on_and_given_up_where_the_new_holder_has_too_many() {
        let places = Places::new(8);
        let source = Holder::Source(Source::from(std::net::IpAddr::from([192, 0, 2, 1])));
        let (flood, _) = flood(&places, account(1));
        let place = places.take(source).ok().unwrap();
        place.pass_to(account(2)).ok().unwrap();
        let free = places.shares().free;
        assert_eq!(place.pass_to(account(1)).unwrap_err().code(), Code::TooManyRequests);
        assert_eq!(places.shares().free, free + 1);
        drop((place, flood));
        assert_eq!(places.shares().free, 8);
    }
}
