//! Workers that create and revoke continuously, and the journal of their answers.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use reqwest::{Method, header::HeaderMap};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use crate::harness::{Answer, Client, Issued, ticks};

/// An answer to a client, or a request about to be sent.
pub(super) enum Entry {
    /// 201.
    Created(Issued),
    /// A revoke was requested: the key may be revoked from now on.
    Requested(String),
    /// 204.
    Revoked(String),
    /// 503.
    Outage,
}

/// Creates keys and revokes every other one.
pub(super) struct Worker {
    pub(super) number: usize,
    pub(super) client: Client,
    pub(super) mid: String,
    pub(super) journal: UnboundedSender<Entry>,
}

impl Worker {
    /// Runs until no server answers.
    pub(super) async fn until_cut_off(self) {
        for round in 0.. {
            let Some(created) = self.create(round).await else { return };
            let key = issued(&created.expect(201));
            self.record(Entry::Created(key.clone()));
            if round % 2 == 0 {
                self.record(Entry::Requested(key.id.clone()));
                let Some(revoked) = self.revoke(&key.id).await else { return };
                revoked.expect(204);
                self.record(Entry::Revoked(key.id));
            }
        }
    }

    /// Runs until `enough` is set. Whatever happens to the database, each answer is a success or an outage.
    pub(super) async fn through_outages(self, enough: Arc<AtomicBool>) {
        let mut due = ticks();
        for round in 0.. {
            due.tick().await;
            if enough.load(Ordering::Acquire) {
                return;
            }
            let Some(created) = self.success_or_outage(self.create(round).await, 201) else { continue };
            let key = issued(&created);
            self.record(Entry::Created(key.clone()));
            let authorised = self.client.with(&key.value).get("/v1/auth").await;
            self.success_or_outage(Some(authorised), 204);
            if round % 2 == 0 {
                self.record(Entry::Requested(key.id.clone()));
                if self.success_or_outage(self.revoke(&key.id).await, 204).is_some() {
                    self.record(Entry::Revoked(key.id));
                }
            }
        }
    }

    fn success_or_outage(&self, answer: Option<Answer>, success: u16) -> Option<Answer> {
        let answer = answer.expect("the node answers, whatever its database does");
        if answer.status == success {
            return Some(answer);
        }
        let answer = answer.expect_outage();
        let code = answer.member("code");
        assert!(["unavailable", "outcome_unknown"].contains(&code.as_str()), "{code}");
        self.record(Entry::Outage);
        None
    }

    async fn create(&self, round: usize) -> Option<Answer> {
        let new_key = Client::new_key(&self.mid, &format!("{}-{round}", self.number), &["charges:read"]);
        let body = Some(("application/json", new_key.to_string()));
        self.client.try_send(Method::POST, "/v1/api-keys", body, HeaderMap::new()).await.ok()
    }

    async fn revoke(&self, id: &str) -> Option<Answer> {
        self.client.try_send(Method::DELETE, &format!("/v1/api-keys/{id}"), None, HeaderMap::new()).await.ok()
    }

    fn record(&self, entry: Entry) {
        self.journal.send(entry).unwrap_or_else(|_| panic!("the journal is closed"));
    }
}

fn issued(created: &Answer) -> Issued {
    Issued { id: created.member("id"), value: created.member("value") }
}

/// The answers of all workers.
pub(super) struct Journal {
    entries: UnboundedReceiver<Entry>,
    created: HashMap<String, String>,
    requested: HashSet<String>,
    revoked: HashSet<String>,
    outages: usize,
}

impl Journal {
    pub(super) fn new(entries: UnboundedReceiver<Entry>) -> Self {
        Self { entries, created: HashMap::new(), requested: HashSet::new(), revoked: HashSet::new(), outages: 0 }
    }

    pub(super) fn revoked(&self) -> usize {
        self.revoked.len()
    }

    pub(super) const fn outages(&self) -> usize {
        self.outages
    }

    pub(super) async fn read_until(&mut self, enough: impl Fn(&Self) -> bool) {
        while !enough(self) {
            let entry = self.entries.recv().await.expect("workers run until they are stopped");
            self.note(entry);
        }
    }

    pub(super) async fn read_to_the_end(&mut self) {
        while let Some(entry) = self.entries.recv().await {
            self.note(entry);
        }
    }

    fn note(&mut self, entry: Entry) {
        match entry {
            Entry::Created(Issued { id, value }) => drop(self.created.insert(id, value)),
            Entry::Requested(id) => drop(self.requested.insert(id)),
            Entry::Revoked(id) => drop(self.revoked.insert(id)),
            Entry::Outage => self.outages += 1,
        }
    }

    /// Every created key exists, every revoked key is revoked, and nothing else exists.
    pub(super) async fn holds(&self, client: &Client) {
        for (id, value) in &self.created {
            let state = client.get(&format!("/v1/api-keys/{id}")).await.expect(200).member("state");
            let verdict = client.verdict(value).await;
            match (self.requested.contains(id), self.revoked.contains(id)) {
                (_, true) => assert_eq!((state.as_str(), verdict.as_str()), ("revoked", "REVOKED"), "{id}"),
                (false, false) => assert_eq!((state.as_str(), verdict.as_str()), ("active", "VALID"), "{id}"),
                // Requested and not acknowledged: either outcome, but the same for both.
                (true, false) => assert_eq!(state == "revoked", verdict == "REVOKED", "{id}"),
            }
        }
    }
}
