//! Where one client asks the nodes, and everything it is told is recorded.
//!
//! It turns answers into what they say of a credential or of a call, as strictly as the contract lets a client: only a
//! verdict is a verdict, only 2xx is done, and whatever is in doubt is in doubt.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::Run;
use super::check::Entry;
use super::counters::Op;
use super::credentials::{Form, Shown};
use super::history::{Call, Change, Ending, Seen, Thing, Told};
use super::http::{Answer, Client, Request, Silence};
use super::rng::Rng;

/// Between two tries of the same thing.
pub(super) const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// One client, with a connection to each node.
pub(super) struct Desk<'a> {
    pub(super) run: &'a Run,
    pub(super) rng: Rng,
    clients: Vec<Client>,
}

/// A call that narrows or widens.
pub(super) struct Order<'a> {
    pub(super) change: Change,
    pub(super) things: &'a [Thing],
    pub(super) request: Request<'a>,
    /// What is verified at every node in the moment it is acknowledged.
    pub(super) shown: &'a [Shown],
}

/// What came of an order.
pub(super) struct Done {
    pub(super) ending: Ending,
    /// Of the try that was acknowledged.
    pub(super) body: Vec<u8>,
    /// Whether any try had an unknown outcome.
    pub(super) in_doubt: bool,
}

impl<'a> Desk<'a> {
    /// A client with a chance of its own.
    pub(super) fn new(run: &'a Run, rng: Rng) -> Self {
        Self { run, rng, clients: run.world.nodes.iter().map(|_| Client::new(run.clock)).collect() }
    }

    /// A request in the platform's name.
    pub(super) fn request<'b>(&self, method: &'static str, path: &'b str, body: Option<&'b str>) -> Request<'b>
    where
        'a: 'b,
    {
        Request { method, path, bearer: Some(&self.run.world.platform.secret), body }
    }

    /// Any node that is there; after a while, if none is.
    pub(super) fn any_node(&mut self) -> Option<usize> {
        let up: Vec<usize> = (0..self.clients.len()).filter(|node| self.run.world.address(*node).is_some()).collect();
        let node = up.get(self.rng.place(up.len())).copied();
        if node.is_none() {
            std::thread::sleep(BETWEEN_TRIES);
        }
        node
    }

    /// Asks a node, whatever comes of it. That the platform's key is refused is recorded: nothing ever narrows it.
    pub(super) fn send(
        &mut self,
        op: Op,
        node: usize,
        request: &Request<'_>,
        patience: Duration,
    ) -> Result<Answer, Silence> {
        let run = self.run;
        let sent = run.clock.now();
        let answer = match (run.world.address(node), self.clients.get_mut(node)) {
            (Some(address), Some(client)) => client.ask(address, request, patience),
            _ => Err(Silence::NoConnection),
        };
        run.counters.count(op, answer.as_ref().map(|answer| answer.status).map_err(|silence| *silence));
        let by_platform = request.bearer == Some(run.world.platform.secret.as_str());
        if by_platform && answer.as_ref().is_ok_and(|answer| answer.status == 401) {
            let (subject, ended) = (run.caller, run.clock.now());
            run.recorder.see(Seen { subject, node: number(node), sent, ended, told: Told::Invalid });
        }
        answer
    }

    /// Shows a credential to a node and records what it is told.
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
        let answer = self.send(op, node, &request, run.plan.patience());
        let ended = run.clock.now();
        let told = told(op, answer.as_ref());
        if answer.is_ok() || !matches!(answer, Err(Silence::NoConnection)) {
            run.recorder.see(Seen { subject: shown.subject, node: number(node), sent, ended, told });
        }
    }

    /// Repeats an order at any node until its outcome is known, or the run is over.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub(super) fn insist(&mut self, order: &Order<'_>) -> Result<Done> {
        let wanted = self.run.clock.now();
        let mut done = Done { ending: Ending::Unknown, body: Vec::new(), in_doubt: false };
        // Some hang up early and ask elsewhere.
        let mut patience = if self.rng.percent(15) {
            self.rng.time(Duration::from_millis(2), Duration::from_millis(300))
        } else {
            self.run.plan.patience_for_a_barrier()
        };
        while !self.run.is_over() {
            let Some(node) = self.any_node() else { continue };
            let (ending, body) = self.order(order, node, patience, wanted)?;
            patience = self.run.plan.patience_for_a_barrier();
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

    /// One try; no ending when nothing was sent.
    fn order(
        &mut self,
        order: &Order<'_>,
        node: usize,
        patience: Duration,
        wanted: super::clock::Moment,
    ) -> Result<(Option<Ending>, Vec<u8>)> {
        let run = self.run;
        let sent = run.clock.now();
        let answer = self.send(op(order.change), node, &order.request, patience);
        let ended = run.clock.now();
        let ending = match &answer {
            Ok(Answer { status: 200 | 201 | 204, .. }) => Ending::Acknowledged,
            Ok(Answer { status: 400..500, .. }) => Ending::Refused,
            Ok(_) | Err(Silence::Cut | Silence::TimedOut) => Ending::Unknown,
            Err(Silence::NoConnection) => return Ok((None, Vec::new())),
        };
        if ending == Ending::Acknowledged {
            // First of all: from this moment on it has to be true.
            run.probes.everywhere(order.shown);
            if order.change.narrows() {
                run.ledger.write(&self.entries(order, sent, ended))?;
            }
        }
        let (change, things) = (order.change, order.things.to_vec());
        run.recorder.call(Call { change, things, node: number(node), wanted, sent, ended, ending });
        Ok((Some(ending), answer.map(|answer| answer.body).unwrap_or_default()))
    }

    fn entries(&self, order: &Order<'_>, sent: super::clock::Moment, acknowledged: super::clock::Moment) -> Vec<Entry> {
        let name = |thing: &Thing| self.run.recorder.look(|history| history.name_of(*thing).to_owned());
        let names = order.things.iter().map(name);
        names.map(|name| Entry { change: order.change, name, sent, acknowledged }).collect()
    }
}

/// A node's number, as it is recorded.
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

fn told(op: Op, answer: Result<&Answer, &Silence>) -> Told {
    let Ok(answer) = answer else { return Told::Nothing };
    match (op, answer.status) {
        (_, 503 | 504) => Told::Unavailable,
        (Op::Verify, 200) => verdict(&answer.body).map_or(Told::Nothing, from_verdict),
        (Op::Auth, 204) | (Op::Token, 200) => Told::Valid,
        (Op::Auth | Op::Token, 401) => Told::Invalid,
        _ => Told::Nothing,
    }
}

fn verdict(body: &[u8]) -> Option<bool> {
    serde_json::from_slice::<Value>(body).ok()?.get("valid")?.as_bool()
}

/// What a verdict says of the credential.
pub(super) const fn from_verdict(valid: bool) -> Told {
    if valid { Told::Valid } else { Told::Invalid }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(op: Op, status: u16, body: &str) -> Told {
        told(op, Ok(&Answer { status, body: body.into() }))
    }

    #[test]
    fn only_a_verdict_is_a_verdict() {
        assert_eq!(said(Op::Verify, 200, r#"{"valid":true,"code":"VALID"}"#), Told::Valid);
        assert_eq!(said(Op::Verify, 200, r#"{"valid":false,"code":"REVOKED"}"#), Told::Invalid);
        assert_eq!(said(Op::Verify, 200, "{}"), Told::Nothing);
        assert_eq!(said(Op::Verify, 401, "{}"), Told::Nothing, "that is about the caller");
        assert_eq!(said(Op::Auth, 204, ""), Told::Valid);
        assert_eq!(said(Op::Auth, 401, "{}"), Told::Invalid);
        assert_eq!(said(Op::Token, 200, "{}"), Told::Valid);
        assert_eq!(said(Op::Token, 401, "{}"), Told::Invalid);
        for op in [Op::Verify, Op::Auth, Op::Token] {
            assert_eq!(said(op, 503, r#"{"valid":true}"#), Told::Unavailable);
            assert_eq!(said(op, 500, r#"{"valid":true}"#), Told::Nothing);
            assert_eq!(said(op, 429, "{}"), Told::Nothing);
            assert_eq!(told(op, Err(&Silence::Cut)), Told::Nothing);
        }
    }
}
