//! A client of all nodes that records every answer.
//!
//! It interprets answers as strictly as the contract allows: only a verdict counts as a verdict, only 2xx counts as
//! done, and everything else has an unknown outcome. It never retries a request by itself.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::Run;
use super::check::Entry;
use super::counters::Op;
use super::credentials::{Form, Shown};
use super::history::{Call, Change, Ending, Seen, Thing, Validity};
use keyward_testkit::clock::Moment;
use keyward_testkit::http::{Answer, Blocking, Silence};
use keyward_testkit::rng::Rng;

/// Pause between two attempts.
pub(super) const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// Keeps a connection to each node.
pub(super) struct Client<'a> {
    pub(super) run: &'a Run,
    pub(super) rng: Rng,
    http: Blocking,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) method: &'static str,
    pub(super) path: &'a str,
    pub(super) bearer: Option<&'a str>,
    /// As JSON.
    pub(super) body: Option<&'a str>,
}

/// A call that makes or lifts a restriction.
pub(super) struct Order<'a> {
    pub(super) change: Change,
    pub(super) things: &'a [Thing],
    pub(super) request: Request<'a>,
    /// Credentials that every node verifies as soon as the call is acknowledged.
    pub(super) shown: &'a [Shown],
}

/// The outcome of an order.
pub(super) struct Done {
    pub(super) ending: Ending,
    /// Body of the acknowledged attempt.
    pub(super) body: String,
    /// Whether any attempt had an unknown outcome.
    pub(super) in_doubt: bool,
}

impl<'a> Client<'a> {
    /// Creates a client with its own generator.
    ///
    /// # Errors
    /// If the HTTP library cannot be set up.
    pub(super) fn new(run: &'a Run, rng: Rng) -> Result<Self> {
        Ok(Self { run, rng, http: Blocking::new()? })
    }

    /// A request with the platform's key.
    pub(super) fn request<'b>(&self, method: &'static str, path: &'b str, body: Option<&'b str>) -> Request<'b>
    where
        'a: 'b,
    {
        Request { method, path, bearer: Some(&self.run.world.platform.app_secret), body }
    }

    /// Any node that is ready. Waits briefly if none is.
    pub(super) fn any_node(&mut self) -> Option<usize> {
        let up: Vec<usize> =
            (0..self.run.world.nodes.len()).filter(|node| self.run.world.address(*node).is_some()).collect();
        let node = up.get(self.rng.place(up.len())).copied();
        if node.is_none() {
            std::thread::sleep(BETWEEN_TRIES);
        }
        node
    }

    /// Sends a request to a node and counts its outcome. Records a refusal of the platform's key, which nothing ever
    /// restricts.
    pub(super) fn send(
        &mut self,
        op: Op,
        node: usize,
        request: &Request<'_>,
        timeout: Duration,
    ) -> Result<Answer, Silence> {
        let run = self.run;
        let sent = run.clock.now();
        let answer = match run.world.address(node) {
            Some(address) => self.ask(address, request, timeout),
            None => Err(Silence::NoConnection),
        };
        run.counters.count(op, answer.as_ref().map(|answer| answer.status).map_err(|silence| *silence));
        let by_platform = request.bearer == Some(run.world.platform.app_secret.as_str());
        if by_platform && answer.as_ref().is_ok_and(|answer| answer.status == 401) {
            let (credential, ended) = (run.caller, run.clock.now());
            run.recorder.see(Seen { credential, node: number(node), sent, ended, validity: Validity::Invalid });
        }
        answer
    }

    /// Sends a request to an address. Records nothing.
    pub(super) fn ask(&self, at: SocketAddr, request: &Request<'_>, timeout: Duration) -> Result<Answer, Silence> {
        let Request { method, path, bearer, body } = request;
        let mut sent = self.http.request(method, &format!("http://{at}{path}")).timeout(timeout);
        if let Some(bearer) = bearer {
            sent = sent.bearer_auth(bearer);
        }
        if let Some(body) = body {
            sent = sent.header("content-type", "application/json").body((*body).to_owned());
        }
        self.http.send(sent).map_err(Silence::from)
    }

    /// Has a node verify a credential, and records the verdict.
    pub(super) fn show(&mut self, node: usize, shown: &Shown) {
        let run = self.run;
        let by_platform = matches!(shown.form, Form::Secret | Form::Public) && self.rng.percent(50);
        let kind = if shown.form == Form::Public { "public" } else { "secret" };
        let path = format!("/v1/auth?type={kind}");
        let body = json!({ "key": &*shown.value, "type": kind }).to_string();
        let (op, request) = match shown.form {
            Form::Secret | Form::Public if by_platform => (Op::Verify, self.request("POST", "/v1/verify", Some(&body))),
            Form::Secret | Form::Public | Form::Token => {
                (Op::Auth, Request { method: "GET", path: &path, bearer: Some(&shown.value), body: None })
            }
            Form::Pair | Form::Refresh => {
                let body = Some(&*shown.value);
                (Op::Token, Request { method: "POST", path: "/v1/oauth2/token", bearer: None, body })
            }
        };
        let sent = run.clock.now();
        let answer = self.send(op, node, &request, run.plan.timeout());
        let ended = run.clock.now();
        let validity = validity(op, answer.as_ref());
        if answer.is_ok() || !matches!(answer, Err(Silence::NoConnection)) {
            run.recorder.see(Seen { credential: shown.credential, node: number(node), sent, ended, validity });
        }
    }

    /// Repeats an order at any node until its outcome is known or the run ends.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub(super) fn complete(&mut self, order: &Order<'_>) -> Result<Done> {
        let wanted = self.run.clock.now();
        let mut done = Done { ending: Ending::Unknown, body: String::new(), in_doubt: false };
        // Some clients hang up early and continue at another node.
        let mut timeout =
            if self.rng.percent(15) { self.rng.doubling(2, 300) } else { self.run.plan.timeout_for_a_barrier() };
        while !self.run.is_over() {
            let Some(node) = self.any_node() else { continue };
            let (ending, body) = self.order(order, node, timeout, wanted)?;
            timeout = self.run.plan.timeout_for_a_barrier();
            match ending {
                Some(Ending::Unknown) => done.in_doubt = true,
                Some(ending) => {
                    (done.ending, done.body) = (ending, body);
                    break;
                }
                None => {}
            }
            std::thread::sleep(BETWEEN_TRIES);
        }
        Ok(done)
    }

    /// Makes one attempt. Returns no ending if nothing was sent.
    fn order(
        &mut self,
        order: &Order<'_>,
        node: usize,
        timeout: Duration,
        wanted: Moment,
    ) -> Result<(Option<Ending>, String)> {
        let run = self.run;
        let sent = run.clock.now();
        let answer = self.send(op(order.change), node, &order.request, timeout);
        let ended = run.clock.now();
        let ending = match &answer {
            Ok(Answer { status: 200 | 201 | 204, .. }) => Ending::Acknowledged,
            Ok(Answer { status: 400..500, .. }) => Ending::Refused,
            Ok(_) | Err(Silence::Cut | Silence::TimedOut) => Ending::Unknown,
            Err(Silence::NoConnection) => return Ok((None, String::new())),
        };
        if ending == Ending::Acknowledged {
            // First of all: the promise holds from this moment on.
            run.probes.everywhere(order.shown);
            if order.change.restricts() {
                run.ledger.write(&self.entries(order, sent, ended))?;
            }
        }
        let (change, things) = (order.change, order.things.to_vec());
        run.recorder.call(Call { change, things, node: number(node), wanted, sent, ended, ending });
        Ok((Some(ending), answer.map(|answer| answer.text).unwrap_or_default()))
    }

    fn entries(&self, order: &Order<'_>, sent: Moment, acknowledged: Moment) -> Vec<Entry> {
        let name = |thing: &Thing| self.run.recorder.look(|history| history.name_of(*thing).to_owned());
        let names = order.things.iter().map(name);
        names.map(|name| Entry { change: order.change, name, sent, acknowledged }).collect()
    }
}

/// A node's number in the history.
pub(super) fn number(node: usize) -> u8 {
    u8::try_from(node).unwrap_or(u8::MAX)
}

const fn op(change: Change) -> Op {
    match change {
        Change::Revoke => Op::Revoke,
        Change::Overwrite => Op::Overwrite,
        Change::Suspend => Op::Suspend,
        Change::Close => Op::Close,
        Change::Resume => Op::Resume,
    }
}

fn validity(op: Op, answer: Result<&Answer, &Silence>) -> Validity {
    let Ok(answer) = answer else { return Validity::Nothing };
    match (op, answer.status) {
        (_, 503 | 504) => Validity::Unavailable,
        (Op::Verify, 200) => is_valid(&answer.text).map_or(Validity::Nothing, from_valid),
        (Op::Auth, 204) | (Op::Token, 200) => Validity::Valid,
        (Op::Auth | Op::Token, 401) => Validity::Invalid,
        _ => Validity::Nothing,
    }
}

fn is_valid(body: &str) -> Option<bool> {
    serde_json::from_str::<Value>(body).ok()?.get("valid")?.as_bool()
}

/// The validity that the `valid` member of an answer states.
pub(super) const fn from_valid(valid: bool) -> Validity {
    if valid { Validity::Valid } else { Validity::Invalid }
}

#[cfg(test)]
mod tests {
    use keyward_testkit::http::HeaderMap;

    use super::*;

    fn validity_of(op: Op, status: u16, body: &str) -> Validity {
        validity(op, Ok(&Answer { status, headers: HeaderMap::default(), text: body.to_owned() }))
    }

    #[test]
    fn only_verdicts_count_as_verdicts() {
        assert_eq!(validity_of(Op::Verify, 200, r#"{"valid":true,"code":"VALID"}"#), Validity::Valid);
        assert_eq!(validity_of(Op::Verify, 200, r#"{"valid":false,"code":"REVOKED"}"#), Validity::Invalid);
        assert_eq!(validity_of(Op::Verify, 200, "{}"), Validity::Nothing);
        assert_eq!(validity_of(Op::Verify, 401, "{}"), Validity::Nothing, "it concerns the caller");
        assert_eq!(validity_of(Op::Auth, 204, ""), Validity::Valid);
        assert_eq!(validity_of(Op::Auth, 401, "{}"), Validity::Invalid);
        assert_eq!(validity_of(Op::Token, 200, "{}"), Validity::Valid);
        assert_eq!(validity_of(Op::Token, 401, "{}"), Validity::Invalid);
        for op in [Op::Verify, Op::Auth, Op::Token] {
            assert_eq!(validity_of(op, 503, r#"{"valid":true}"#), Validity::Unavailable);
            assert_eq!(validity_of(op, 500, r#"{"valid":true}"#), Validity::Nothing);
            assert_eq!(validity_of(op, 429, "{}"), Validity::Nothing);
            assert_eq!(validity(op, Err(&Silence::Cut)), Validity::Nothing);
        }
    }
}
