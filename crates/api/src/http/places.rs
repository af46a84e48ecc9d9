//! Places for concurrent requests of one kind, [shared](crate::shares) so that no holder takes all of them.
//!
//! A place belongs to the source of a request until the credential is verified, and to the caller's account from then
//! on; it is held until the answer is sent. Sources share with their network, or with the gateway that reports them;
//! accounts share with the partner above them. Nothing waits here, and nothing here knows the content of a request.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use keyward_app::{Access, Caller, Source};
use keyward_domain::AccountId;

use super::{
    context,
    options::HttpOptions,
    problem::{Code, Problem},
    until_sent::UntilSent,
};
use crate::shares::{self, Refusal, Shares};

/// The holder of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Holder {
    /// Unauthenticated requests from this source.
    Source(Source),
    /// All sources of one network.
    Network(IpAddr),
    /// An unconfigured gateway with all sources that it reports: any client can forge its report.
    Gateway(IpAddr),
    /// A caller of this account. `line` is the partner or other account directly below the platform.
    Account { id: AccountId, line: AccountId },
    /// All accounts of one line.
    Line(AccountId),
}

impl Holder {
    /// The account of a caller; `None` for the operator, who sends no requests.
    pub(super) fn of(caller: &Caller) -> Option<Self> {
        Some(Self::Account { id: caller.account()?.id, line: caller.line()? })
    }
}

impl shares::Holder for Holder {
    fn group(self) -> Option<Self> {
        match self {
            Self::Source(source) => Some(source.gateway().map_or(Self::Network(source.network()), Self::Gateway)),
            Self::Account { line, .. } => Some(Self::Line(line)),
            Self::Network(_) | Self::Gateway(_) | Self::Line(_) => None,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoneFree => {
                Self::new(Code::Unavailable).detail("The server is overloaded: try again after `Retry-After` seconds.")
            }
            Refusal::ShareTaken => Self::new(Code::TooManyRequests),
        }
    }
}

/// The places of one kind of request. Clones share them.
#[derive(Clone)]
pub(super) struct Places(Arc<Mutex<Shares<Holder>>>);

/// A place; freed when dropped.
pub(super) struct Place {
    places: Places,
    /// The holder; `None` once the place was given up.
    holder: Mutex<Option<Holder>>,
}

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Shares::new(most))))
    }

    /// Number of taken places.
    pub(super) fn taken(&self) -> usize {
        self.shares().taken()
    }

    fn take(&self, holder: Holder) -> Result<Place, Problem> {
        self.shares().take(holder)?;
        Ok(Place { places: self.clone(), holder: Mutex::new(Some(holder)) })
    }

    fn shares(&self) -> MutexGuard<'_, Shares<Holder>> {
        // Consistent at every moment, so also after a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Passes the place to another holder. If that one already has too many, the place is given up.
    pub(super) fn pass_to(&self, holder: Holder) -> Result<(), Problem> {
        let mut held_by = self.held_by();
        let mut shares = self.places.shares();
        if let Some(before) = held_by.take() {
            shares.give_back(Some(before));
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
            self.places.shares().give_back(Some(holder));
        }
    }
}

/// State of [`take_place`].
#[derive(Clone)]
pub(super) struct Room {
    pub(super) places: Places,
    pub(super) options: Arc<HttpOptions>,
    pub(super) access: Arc<Access>,
}

/// Takes a place for a request and keeps it until the answer is sent. Refuses the request if none is free.
pub(super) async fn take_place(
    State(room): State<Room>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let source = context::source(request.headers(), request.extensions(), &room.options.trusted_proxies);
    let place = room.places.take(Holder::Source(source)).inspect_err(|problem| {
        if problem.code() == Code::TooManyRequests {
            room.access.warn_of_requests(source);
        }
    });
    let place = Arc::new(place?);
    request.extensions_mut().insert(Arc::clone(&place));
    let mut response = next.run(request).await;
    response.extensions_mut().insert(place);
    Ok(response)
}

/// Keeps the place of a request until its answer is sent.
pub(super) fn hold_until_sent(mut response: Response) -> Response {
    match response.extensions_mut().remove::<Arc<Place>>() {
        Some(place) => response.map(|body| Body::new(UntilSent::new(body, place))),
        None => response,
    }
}

#[cfg(test)]
mod tests {
    //! Which holders share with each other.
    use uuid::Uuid;

    use super::*;

    fn account(n: u128) -> Holder {
        let id = AccountId::from_uuid(Uuid::from_u128(n));
        Holder::Account { id, line: id }
    }

    /// Takes places until none is left for this holder.
    fn flood(places: &Places, by: Holder) -> (Vec<Place>, Code) {
        let mut taken = Vec::new();
        loop {
            match places.take(by) {
                Ok(place) => taken.push(place),
                Err(problem) => return (taken, problem.code()),
            }
        }
    }

    /// A flood by each of these, then one request by each of the others.
    fn floods_leave_room(by: impl Iterator<Item = Holder>, others: &[Holder]) {
        let places = Places::new(512);
        let taken: Vec<_> = by.flat_map(|holder| flood(&places, holder).0).collect();
        assert!((200..=257).contains(&taken.len()), "{}", taken.len());
        for other in others {
            assert!(places.take(*other).is_ok(), "{other:?}");
        }
    }

    #[test]
    fn an_unconfigured_gateway_holds_one_share_for_all_its_clients() {
        let claimed = |n: u8| Holder::Source(Source::claimed([203, 0, 113, n].into(), [10, 0, 0, 7].into()));
        let elsewhere = Holder::Source(Source::from(IpAddr::from([10, 0, 0, 8])));
        floods_leave_room((0..=u8::MAX).map(claimed), &[elsewhere]);
    }

    #[test]
    fn a_network_holds_one_share_however_many_addresses_it_has() {
        let of = |address: &str| Holder::Source(Source::from(address.parse::<IpAddr>().unwrap()));
        let customer = (0..=u8::MAX).map(|n| of(&format!("2001:db8:7:{n:x}::1")));
        floods_leave_room(customer, &[of("2001:db8:8::1"), of("192.0.2.1")]);
        floods_leave_room((0..=u8::MAX).map(|n| of(&format!("192.0.2.{n}"))), &[of("192.0.3.1"), of("2001:db8::1")]);
    }

    #[test]
    fn a_partner_holds_one_share_with_all_merchants_below_it() {
        let line = AccountId::from_uuid(Uuid::from_u128(1));
        let below = |n: u128| Holder::Account { id: AccountId::from_uuid(Uuid::from_u128(n)), line };
        floods_leave_room((1..=40).map(below), &[account(50), account(51)]);
    }

    #[test]
    fn one_holder_may_take_a_few_places_and_the_next_one_is_refused() {
        let places = Places::new(1);
        let (taken, code) = flood(&places, account(1));
        assert_eq!((taken.len(), code), (1, Code::Unavailable));
    }

    #[test]
    fn a_place_is_passed_on_and_given_up_where_the_new_holder_has_too_many() {
        let places = Places::new(8);
        let source = Holder::Source(Source::from(IpAddr::from([192, 0, 2, 1])));
        let (taken, _) = flood(&places, account(1));
        let place = places.take(source).ok().unwrap();
        place.pass_to(account(2)).ok().unwrap();
        assert_eq!(places.shares().held_by(source), 0);
        assert_eq!(place.pass_to(account(1)).unwrap_err().code(), Code::TooManyRequests);
        assert_eq!(places.shares().held_by(account(2)), 0);
        drop((place, taken));
        assert_eq!(places.shares().held_by(account(1)), 0);
    }
}
