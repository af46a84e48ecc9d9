//! Places for connections: a maximum in total, and one for each source; [shared](keyward_api::shares) so that neither a
//! source nor a network takes all of them.
//!
//! A connection beyond the maximum is closed immediately: a queue would only delay all clients.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use ipnet::IpNet;
use keyward_api::shares::{Holder, Refusal, Shares};
use keyward_app::Source;

use crate::config::Limits;

/// Number of refusals after which the warning is repeated.
const WARN_EVERY: u64 = 10_000;

/// One place in this many is reserved for trusted proxies.
const KEPT_FOR_PROXIES: usize = 16;

/// All places and their holders.
pub(super) struct Places {
    in_all: usize,
    /// A limit in addition to the share.
    per_source: usize,
    /// Places reserved for trusted proxies.
    kept: usize,
    trusted: Vec<IpNet>,
    shares: Arc<Mutex<Shares<Peer>>>,
    refused: AtomicU64,
}

/// Where connections come from.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Peer {
    Source(Source),
    /// All sources of one network.
    Network(IpAddr),
}

impl Holder for Peer {
    fn group(self) -> Option<Self> {
        match self {
            Self::Source(source) => Some(Self::Network(source.network())),
            Self::Network(_) => None,
        }
    }
}

/// One connection's place; freed when dropped.
pub(super) struct Place {
    from: Option<Peer>,
    shares: Arc<Mutex<Shares<Peer>>>,
}

impl Places {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            in_all: limits.max_connections,
            per_source: limits.max_connections_per_source,
            kept: 0,
            trusted: Vec::new(),
            shares: Arc::new(Mutex::new(Shares::new(limits.max_connections))),
            refused: AtomicU64::new(0),
        }
    }

    /// Gives these proxies no share: they may take all places, and other clients leave them some.
    pub(super) fn trusting(&self, proxies: &[IpNet]) -> Self {
        Self {
            in_all: self.in_all,
            per_source: self.per_source,
            kept: if proxies.is_empty() { 0 } else { self.in_all / KEPT_FOR_PROXIES },
            trusted: proxies.to_vec(),
            shares: Arc::clone(&self.shares),
            refused: AtomicU64::new(0),
        }
    }

    /// Takes a place for a connection from this address, if one is free.
    pub(super) fn take(&self, address: IpAddr) -> Option<Place> {
        let canonical = address.to_canonical();
        let is_trusted = self.trusted.iter().any(|proxy| proxy.contains(&canonical));
        // If one source may take all places, there are no shares.
        let may_have_all = is_trusted || self.per_source >= self.in_all;
        let from = (!may_have_all).then(|| Peer::Source(address.into()));
        let taken = {
            let mut shares = held(&self.shares);
            match from {
                None => shares.take_for_any(),
                Some(from) if shares.held_by(from) >= self.per_source => Err(Refusal::ShareTaken),
                Some(from) => shares.take_above(self.kept, from),
            }
        };
        match taken {
            Ok(()) => return Some(Place { from, shares: Arc::clone(&self.shares) }),
            Err(Refusal::NoneFree) => self.refuse(address, "limits.max_connections"),
            Err(Refusal::ShareTaken) => self.refuse(address, "limits.max_connections_per_source"),
        }
        None
    }

    fn refuse(&self, from: IpAddr, why: &'static str) {
        metrics::counter!("keyward_connections_refused_total", "limit" => why).increment(1);
        let refused = self.refused.fetch_add(1, Ordering::Relaxed);
        if refused.is_multiple_of(WARN_EVERY) {
            tracing::warn!(
                %from,
                limit = why,
                refused = refused + 1,
                "a connection was refused: there are as many as {why} allows (if it comes from a proxy of yours, name \
                 that in trusted_proxies)"
            );
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        held(&self.shares).give_back(self.from);
    }
}

fn held(shares: &Mutex<Shares<Peer>>) -> MutexGuard<'_, Shares<Peer>> {
    shares.lock().unwrap_or_else(PoisonError::into_inner)
}
