//! Room for connections: a maximum in all, and one for each source.
//!
//! A connection beyond it is closed right away: a queue would only make everybody wait.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use ipnet::IpNet;
use keyward_api::app::Source;

use crate::config::Limits;

/// After how many refusals they are said again.
const SAID_EVERY: u64 = 10_000;

/// All places, and who has them.
pub(super) struct Places {
    in_all: usize,
    per_source: usize,
    trusted: Vec<IpNet>,
    taken: Arc<Mutex<Taken>>,
    refused: AtomicU64,
}

#[derive(Default)]
struct Taken {
    in_all: usize,
    by_source: HashMap<Source, usize>,
}

/// One connection's place. Dropping it gives it back.
pub(super) struct Place {
    source: Option<Source>,
    taken: Arc<Mutex<Taken>>,
}

impl Places {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            in_all: limits.max_connections,
            per_source: limits.max_connections_per_source,
            trusted: Vec::new(),
            taken: Arc::default(),
            refused: AtomicU64::new(0),
        }
    }

    /// The same, without a limit of their own for these.
    pub(super) fn trusting(&self, proxies: &[IpNet]) -> Self {
        let (in_all, per_source) = (self.in_all, self.per_source);
        Self {
            in_all,
            per_source,
            trusted: proxies.to_vec(),
            taken: Arc::clone(&self.taken),
            refused: AtomicU64::new(0),
        }
    }

    /// A place for a connection from there, if there is one.
    pub(super) fn take(&self, from: IpAddr) -> Option<Place> {
        let address = from.to_canonical();
        let source = if self.trusted.iter().any(|proxy| proxy.contains(&address)) { None } else { Some(from.into()) };
        let mut taken = held(&self.taken);
        let why = match source.map(|source| taken.by_source.get(&source).copied().unwrap_or_default()) {
            _ if taken.in_all >= self.in_all => "limits.max_connections",
            Some(of_source) if of_source >= self.per_source => "limits.max_connections_per_source",
            Some(_) | None => {
                taken.in_all += 1;
                if let Some(source) = source {
                    *taken.by_source.entry(source).or_default() += 1;
                }
                return Some(Place { source, taken: Arc::clone(&self.taken) });
            }
        };
        drop(taken);
        self.refuse(from, why);
        None
    }

    fn refuse(&self, from: IpAddr, why: &'static str) {
        metrics::counter!("keyward_connections_refused_total", "limit" => why).increment(1);
        let refused = self.refused.fetch_add(1, Ordering::Relaxed);
        if refused.is_multiple_of(SAID_EVERY) {
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
        let mut taken = held(&self.taken);
        taken.in_all -= 1;
        if let Some(source) = self.source
            && let Some(of_source) = taken.by_source.get_mut(&source)
        {
            *of_source -= 1;
            if *of_source == 0 {
                taken.by_source.remove(&source);
            }
        }
    }
}

fn held(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}
