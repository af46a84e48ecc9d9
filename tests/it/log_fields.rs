//! The log line of a request: caller, source and object; and that `docs/logs.md` lists exactly its fields.

use std::collections::BTreeSet;

use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Value, json};

use crate::harness::{Answer, Client, Node, Page, Place, Program};

mod every_line;
mod from_memory;
mod refused;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const COLOUR: char = '\u{1b}';

fn verbose(place: &Place) -> Program {
    place.sandbox().env("KEYWARD_LOG__FORMAT", "json").env("KEYWARD_LOG__FILTER", "debug")
}

fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
    let pair =
        |(name, value): &(&'static str, &str)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    all.iter().map(pair).collect()
}

async fn ask(client: &Client, method: Method, path: &str, all: &[(&'static str, &str)]) -> Answer {
    client.try_send(method, path, None, headers(all)).await.unwrap()
}

fn lines(log: &str) -> Vec<Value> {
    log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn is_about_an_answer(line: &Value) -> bool {
    line["message"].as_str().is_some_and(|message| message.starts_with("answered "))
}

/// The one line of the answer with this id.
fn line(log: &str, answer: &Answer) -> Value {
    let name = answer.header("x-request-id").unwrap();
    let is_it = |line: &Value| line["span"]["trace.id"] == name || line["span"]["request.id"] == name;
    let found: Vec<Value> = lines(log).into_iter().filter(|line| is_about_an_answer(line) && is_it(line)).collect();
    let [line] = <[Value; 1]>::try_from(found).unwrap_or_else(|found| panic!("{} lines of {name}", found.len()));
    line
}

/// The id in a key's value.
fn id_in(value: &str) -> String {
    format!("key_{}", &value[8..34])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_names_caller_source_and_object() {
    let place = Place::embedded();
    let node = verbose(&place).env("KEYWARD_TRUSTED_PROXIES", "127.0.0.0/8").serve();
    let demo = node.demo();
    let (partner, caller) = (node.client(&demo.partner.app_secret), id_in(&demo.partner.app_secret));
    let created = partner.post("/v1/api-keys", &Client::new_key(&demo.merchant, "Till", &[])).await.expect(201);
    let (id, value) = (created.member("id"), created.member("value"));
    let pair = json!({ "AppKey": demo.partner.app_key, "AppSecret": demo.partner.app_secret });
    let from_afar = [("x-forwarded-for", "2001:db8::7"), ("traceparent", &format!("00-{TRACE}-00f067aa0ba902b7-01"))];
    let by_a_key = node.client(&value);
    let absent = ask(&partner, Method::GET, &format!("/v1/merchants/{}", &value[20..60]), &[]).await.expect(404);
    let verification = 3;
    let asked = [
        (created, &id),
        (ask(&partner, Method::GET, &format!("/v1/merchants/{}", demo.merchant), &from_afar).await, &demo.merchant),
        (partner.get(&format!("/v1/api-keys/{}", demo.merchant)).await.expect(200), &demo.merchant),
        (partner.post("/v1/verify", &json!({ "key": value })).await.expect(200), &id),
        (partner.revoke(&id).await.expect(204), &id),
    ];
    let dead = by_a_key.get("/v1/auth").await.expect(401);
    let dead_caller = by_a_key.get("/v1/merchants").await.expect(401);
    let tokens = node.anonymous().post("/v1/oauth2/token", &pair).await.expect(200);
    let by_token = node.client(&tokens.member("accessToken")).get("/v1/merchants").await.expect(200);
    let health = node.anonymous().get("/healthz").await.expect(200);
    let log = node.stop().err;
    for (place, (answer, object)) in asked.iter().enumerate() {
        let line = line(&log, answer);
        let logged = (&line["caller.key"], &line["caller.mid"], &line["object"]);
        assert_eq!(logged, (&json!(caller), &json!(demo.partner.mid), &json!(object)), "{line}");
        assert!(line["took_us"].as_u64().is_some_and(|took| took > 0), "{line}");
        // Granted verifications are most of the traffic, so their level is lower.
        assert_eq!(line["level"], if place == verification { "DEBUG" } else { "INFO" }, "{line}");
    }
    let far = line(&log, &asked[1].0);
    assert_eq!((&far["span"]["source"], &far["span"]["trace.id"]), (&json!("2001:db8::7"), &json!(TRACE)));
    assert_eq!(line(&log, &asked[0].0)["span"]["source"], "127.0.0.1");
    let dead_line = line(&log, &dead);
    assert_eq!((&dead_line["object"], &dead_line["caller.key"]), (&json!(id), &Value::Null), "{dead_line}");
    assert_eq!(line(&log, &dead_caller)["object"], json!(id));
    assert!(dead.member("traceId").contains(dead_line["span"]["trace.id"].as_str().unwrap()));
    for by_pair in [tokens, by_token] {
        assert_eq!(line(&log, &by_pair)["caller.key"], json!(caller));
    }
    // It may be part of a secret.
    assert_eq!(line(&log, &absent)["object"], Value::Null);
    assert_eq!(line(&log, &health)["level"], "DEBUG");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_exceeds_its_limit_is_named_once() {
    let place = Place::embedded();
    let node = verbose(&place).env("KEYWARD_FAILED_ATTEMPTS_PER_MINUTE", "2").serve();
    let refused = pass_the_limit(&node).await;
    let warnings = lines(&node.stop().err);
    let warnings: Vec<&Value> = warnings.iter().filter(|line| line["limit"].is_string()).collect();
    assert!(refused > 1 && warnings.len() == 1, "{refused} refused, {warnings:?}");
    let warning = warnings[0];
    let logged = (&warning["level"], &warning["source"], &warning["limit"]);
    assert_eq!(logged, (&json!("WARN"), &json!("127.0.0.1"), &json!("failed_attempts_per_minute")), "{warning}");
}

/// Guesses until guessing is refused. Returns the number of guesses.
async fn pass_the_limit(node: &Node) -> usize {
    let demo = node.demo();
    let mut refused = 0;
    for _ in 0..6 {
        let pair = json!({ "AppKey": demo.platform.app_key, "AppSecret": demo.partner.app_secret });
        refused += usize::from(node.anonymous().post("/v1/oauth2/token", &pair).await.status == 429);
    }
    refused
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_about_logs_lists_the_fields_that_are_written() {
    let place = Place::embedded();
    let node = verbose(&place).env("KEYWARD_FAILED_ATTEMPTS_PER_MINUTE", "2").serve();
    let partner = node.client(&node.demo().partner.app_secret);
    let key = partner.create(&node.demo().merchant, "Till", &[]).await;
    ask(&partner, Method::DELETE, &format!("/v1/api-keys/{}", key.id), &[("x-request-id", "mine")]).await.expect(204);
    node.client("garbage").get("/v1/merchants").await.expect(401);
    pass_the_limit(&node).await;
    let written = lines(&node.stop().err);
    let answers = || written.iter().filter(|line| is_about_an_answer(line));
    // Lines of libraries below that level have fields of their own.
    let usual = || written.iter().filter(|line| line["level"] != "DEBUG");
    let (mut every, about) = (fields(usual()), fields(answers()));
    let common: BTreeSet<String> = documented("## Every line");
    every.retain(|name| usual().all(|line| name == "span" || !line[name].is_null()));
    assert_eq!(every, common);
    assert_eq!(fields(answers().map(|line| &line["span"])), documented("## Lines about a request: `span`"));
    assert_eq!(about.difference(&common).cloned().collect::<BTreeSet<_>>(), documented("## The line of an answer"));
    let warnings = fields(written.iter().filter(|line| line["limit"].is_string()));
    let warnings: BTreeSet<String> = warnings.difference(&common).cloned().collect();
    assert_eq!(warnings, documented("## Warnings about callers"));
}

fn fields<'a>(lines: impl Iterator<Item = &'a Value>) -> BTreeSet<String> {
    lines.flat_map(|line| line.as_object().unwrap().keys().cloned()).collect()
}

/// The first column of the table of a section.
fn documented(heading: &str) -> BTreeSet<String> {
    Page::read("docs/logs.md").section(heading).codes_in_first_column()
}

#[tokio::test]
async fn colours_are_only_for_terminals_that_support_them() {
    let place = Place::embedded();
    let cases = [("xterm", "", true), ("xterm", "1", false), ("dumb", "", false)];
    for (terminal, no_color, expected) in cases {
        let program = place.sandbox().env("TERM", terminal).env("NO_COLOR", no_color);
        let mut serving = program.on_terminal();
        serving.until("keyward is ready on ");
        serving.terminate();
        let log = serving.end().out;
        assert!(log.contains("stopped"), "{log}");
        assert_eq!(log.contains(COLOUR), expected, "a log on {terminal} with NO_COLOR={no_color:?}: {log:?}");
        for words in ["--help", "no-such-command"] {
            let output =
                place.keyward().env("TERM", terminal).env("NO_COLOR", no_color).words(words).on_terminal().end().out;
            assert_eq!(
                output.contains(COLOUR),
                expected,
                "{words} on {terminal} with NO_COLOR={no_color:?}: {output:?}"
            );
        }
    }
}
