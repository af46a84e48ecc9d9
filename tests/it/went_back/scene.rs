//! Two nodes on one Postgres that goes back: keys from before and after the copy, and the checks of the history of the
//! copy. It neither makes a copy nor puts one in place.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keyward_testkit::pg::{Cluster, Durability};
use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::{Answer, Client, Fleet, Issued, Place, eventually, ticks};

/// Number of retries at a database that has just come back and may not answer yet.
const TRIES: u32 = 1_200;

/// Nodes, and the keys of one copy of their database.
pub(super) struct Scene {
    pub(super) fleet: Fleet,
    pub(super) cluster: Cluster,
    /// The state when the copy was made.
    pub(super) before: Before,
}

/// Keys in the copy, all of them in the memory of every node.
pub(super) struct Before {
    /// Revoked in the copy.
    pub(super) dead: Issued,
    /// Valid in the copy, and revoked later in its history.
    pub(super) kept: Vec<Issued>,
    /// Valid in the copy, and revoked after it was made.
    pub(super) lost: Vec<Issued>,
    /// The last event of the copy.
    pub(super) head: u64,
}

/// The state that was added after the copy was made.
pub(super) struct After {
    /// A key that was created and used at every node.
    pub(super) young: Issued,
    /// A token of a new pair, used at every node.
    pub(super) token: String,
    /// The last event.
    pub(super) head: u64,
}

impl Scene {
    /// Two nodes with leases, on a Postgres of their own.
    pub(super) async fn start(profile: &'static str) -> Self {
        let cluster = Cluster::start(Durability::Fast).unwrap();
        let place = Place::on(&cluster.url()).await;
        let fleet = Fleet::on_with(place, 2, |program| program.env("KEYWARD_VERIFIER__PROFILE", profile)).await;
        let before = Before { dead: Issued::default(), kept: Vec::new(), lost: Vec::new(), head: 0 };
        Self { fleet, cluster, before }
    }

    pub(super) fn by(&self) -> Client {
        self.fleet.partner(0)
    }

    /// Creates the keys of the copy: `kept` and `lost` are their numbers.
    pub(super) async fn prepare(&mut self, name: &str, kept: usize, lost: usize) {
        let dead = self.keys(&format!("{name}, dead"), 1).await.remove(0);
        self.by().revoke(&dead.id).await.expect(204);
        let kept = self.keys(&format!("{name}, kept"), kept).await;
        let lost = self.keys(&format!("{name}, lost"), lost).await;
        for key in kept.iter().chain(&lost) {
            self.fleet.all_remember(&key.value).await;
        }
        self.before = Before { dead, kept, lost, head: self.head().await };
    }

    /// Makes changes that the copy lacks: revokes, and a key and a pair that are used.
    pub(super) async fn change_after_copy(&self, name: &str) -> After {
        for key in &self.before.lost {
            self.by().revoke(&key.id).await.expect(204);
        }
        let young = self.keys(&format!("{name}, young"), 1).await.remove(0);
        let pair = json!({ "name": format!("{name}, young pair"), "scopes": ["charges:read"] });
        let made = self.by().post(&format!("/v1/merchants/{}/api-keys", self.fleet.demo.merchant), &pair).await;
        let made = made.expect(201);
        let token = self.by().tokens(&made.member("appKey"), &made.member("appSecret")).await.access;
        for credential in [&young.value, &token] {
            self.fleet.all_remember(credential).await;
        }
        After { young, token, head: self.head().await }
    }

    async fn keys(&self, name: &str, number: usize) -> Vec<Issued> {
        let mut keys = Vec::new();
        for place in 0..number {
            keys.push(self.by().create(&self.fleet.demo.merchant, &format!("{name} {place}"), &["charges:read"]).await);
        }
        keys
    }

    pub(super) async fn head(&self) -> u64 {
        self.fleet.head().await.parse().unwrap()
    }

    /// Begins to revoke all of these concurrently, at alternate nodes, while no database answers: they are revoked when
    /// it does. When a call is answered 204, no node accepts its key from the next request on.
    pub(super) fn begin_revoking(&self, keys: &[Issued]) -> JoinSet<()> {
        let nodes: Vec<Client> = (0..self.fleet.nodes.len()).map(|node| self.fleet.partner(node)).collect();
        let nodes = Arc::new(nodes);
        let mut calls = JoinSet::new();
        for (place, key) in keys.iter().cloned().enumerate() {
            let nodes = Arc::clone(&nodes);
            calls.spawn(async move {
                until_answered(&nodes[place % nodes.len()], &key).await;
                for node in nodes.iter().rev() {
                    is_refused(node, &key.value).await;
                }
            });
        }
        calls
    }

    /// Revokes all of these, which the database now has.
    pub(super) async fn revoke(&self, keys: &[Issued]) {
        self.begin_revoking(keys).join_all().await;
        for key in keys {
            self.all_return("REVOKED", key).await;
        }
    }

    /// Checks that every node returns this verdict about the key, and accepts it only if the verdict is valid.
    pub(super) async fn all_return(&self, verdict: &str, key: &Issued) {
        for node in (0..self.fleet.nodes.len()).rev().map(|node| self.fleet.partner(node)) {
            if verdict != "VALID" {
                is_refused(&node, &key.value).await;
            }
            let answer =
                answered(&node, Method::POST, "/v1/verify", Some(json!({ "key": key.value }))).await.expect(200);
            assert_eq!(answer.member("code"), verdict);
        }
    }

    /// Without any change in the history of the copy, every node stops accepting what the copy lacks.
    pub(super) async fn stops_accepting_later_credentials(&self, after: &After) {
        for node in &self.fleet.nodes {
            for credential in [&after.young.value, &after.token] {
                let caller = node.client(credential);
                eventually("it is accepted no more", async || caller.get("/v1/auth").await.status == 401).await;
            }
        }
        self.refuses_later_credentials(after).await;
    }

    async fn refuses_later_credentials(&self, after: &After) {
        self.all_return("NOT_FOUND", &after.young).await;
        for node in &self.fleet.nodes {
            is_refused(&node.anonymous(), &after.token).await;
        }
    }

    /// Checks what holds once the nodes have renewed in the history of the copy: the database has what the copy had,
    /// and nothing later; lost revokes can be repeated.
    pub(super) async fn has_the_state_of_the_copy(&self, after: &After) {
        self.all_return("REVOKED", &self.before.dead).await;
        self.refuses_later_credentials(after).await;
        for key in &self.before.lost {
            // Its revoke is lost.
            self.all_return("VALID", key).await;
        }
        self.revoke(&self.before.lost).await;
    }

    /// Checks that every node reports in its log and by its metric that it lost these events, and so does the doctor.
    pub(super) async fn reports_loss(&self, after: &After, times: u32) {
        let (kept, had) = (self.before.head, after.head);
        let logged = format!("those after number {kept} are lost (it had seen up to {had})");
        for node in &self.fleet.nodes {
            eventually("the node reports it", async || node.output_so_far().contains(&logged)).await;
            let counted = node.metric("keyward_history_lost_total").await;
            assert!((counted - f64::from(times)).abs() < 0.5, "{counted}");
        }
        let found = self.doctor_on_history();
        let expected = format!("of the changes up to event {had}, those after event {kept} are lost");
        assert!(found.iter().any(|finding| finding.contains(&expected)), "{found:?}");
    }

    /// Checks that nothing reports a loss.
    pub(super) async fn reports_no_loss(&self) {
        for node in &self.fleet.nodes {
            assert!(!node.output_so_far().contains("the database went back"), "{}", node.output_so_far());
            assert!(node.metric("keyward_history_lost_total").await < 0.5);
        }
        assert_eq!(self.doctor_on_history(), [""; 0]);
    }

    /// The doctor's findings about lost history.
    fn doctor_on_history(&self) -> Vec<String> {
        let findings = self.fleet.place.keyward().words("doctor").run().json();
        let about_it = findings.as_array().unwrap().iter().filter(|finding| finding["about"] == "history");
        about_it.map(|finding| finding["finding"].as_str().unwrap().to_owned()).collect()
    }
}

impl Scene {
    /// The ids of the signing keys that this node publishes.
    pub(super) async fn signing_keys(&self, node: usize) -> Vec<String> {
        let set = self.fleet.nodes[node].anonymous().get("/.well-known/jwks.json").await.expect(200).json();
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }

    /// A token of the demo's pair, from this node.
    pub(super) async fn token_of(&self, node: usize) -> String {
        let partner = &self.fleet.demo.partner;
        self.fleet.nodes[node].anonymous().tokens(&partner.app_key, &partner.app_secret).await.access
    }

    /// Publishes a signing key that signs immediately, and lets every node read it.
    pub(super) async fn rotate_signing_keys(&self) {
        self.fleet.place.keyward().words("signing-key rotate").run().success();
        let now = "UPDATE signing_key SET signs_from = published_at - interval '1 second'
            WHERE generation = (SELECT max(generation) FROM signing_key)";
        self.fleet.place.execute(now).await;
        // A token that names an unknown key makes a node read the keys again.
        let head = r#"{"typ":"at+jwt","alg":"EdDSA","kid":"another"}"#;
        let unknown = format!("{}.e30.AAAA", URL_SAFE_NO_PAD.encode(head));
        for (place, node) in self.fleet.nodes.iter().enumerate() {
            let caller = node.client(&unknown);
            eventually("it knows the key", async || {
                caller.get("/v1/merchants").await.expect_problem(401, "invalid_credential");
                self.signing_keys(place).await.len() == 2
            })
            .await;
        }
    }
}

/// Repeats this revoke until it is answered 204.
pub(super) async fn until_answered(by: &Client, key: &Issued) {
    answered(by, Method::DELETE, &format!("/v1/api-keys/{}", key.id), None).await.expect(204);
}

/// Checks that this credential is not accepted from the first request on. While the node cannot know, it reports an
/// outage.
pub(super) async fn is_refused(at: &Client, credential: &str) {
    let caller = at.with(credential);
    for path in ["/v1/auth", "/v1/merchants"] {
        answered(&caller, Method::GET, path, None).await.expect_problem(401, "invalid_credential");
    }
}

/// Repeats a call until its answer is not an outage. There is one while no database answers, while broken connections
/// to the previous one are detected, and where a change was lost with its history.
pub(super) async fn answered(by: &Client, method: Method, path: &str, body: Option<Value>) -> Answer {
    let mut due = ticks();
    for _ in 0..TRIES {
        due.tick().await;
        let body = body.as_ref().map(|body| ("application/json", body.to_string()));
        let answer = by.try_send(method.clone(), path, body, HeaderMap::new()).await.unwrap();
        if answer.status != 503 {
            return answer;
        }
        let problem = answer.expect_outage().json();
        assert!(matches!(problem["code"].as_str(), Some("unavailable" | "outcome_unknown")), "{problem}");
    }
    panic!("{method} {path} was never answered");
}
