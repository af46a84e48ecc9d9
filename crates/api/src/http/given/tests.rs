//! The promises to every request: all errors at once, by name, and the same from JSON and a form.

use keyward_domain::{KeyType, Mid, Name, ScopeSet, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Check, Credential, Given, Objects,
    testing::{errors, faulty, from_form, from_json},
};
use crate::http::problem::{Code, Problem};

/// A request with a field of every kind.
#[derive(Deserialize)]
struct Sample {
    mid: Given<Mid>,
    name: Given<Name>,
    r#type: Option<Given<KeyType>>,
    scopes: Option<Given<ScopeSet>>,
    #[serde(rename = "overwriteExistingKey")]
    overwrite: Option<Given<bool>>,
    expires_at: Option<Given<Timestamp>>,
    secret: Option<Given<Credential>>,
}

/// The values of the sample, as text.
type Values = [Option<String>; 7];

impl Sample {
    fn check(self) -> Result<Values, Problem> {
        fn text<T: ToString>(value: Option<T>) -> Option<String> {
            value.map(|value| value.to_string())
        }
        let mut check = Check::default();
        let values = [
            text(check.field("mid", self.mid)),
            text(check.field("name", self.name)),
            text(check.field("type", self.r#type)),
            text(check.field("scopes", self.scopes)),
            text(check.field("overwriteExistingKey", self.overwrite)),
            text(check.field("expires_at", self.expires_at)),
            text(check.field("secret", self.secret).map(|secret| secret.as_str().to_owned())),
        ];
        check.finish(|| Some(values))
    }
}

fn of_json(body: &Value) -> Result<Values, Problem> {
    from_json(body).and_then(Sample::check)
}

fn of_form(parts: &[(&str, &str)]) -> Result<Values, Problem> {
    from_form(parts).and_then(Sample::check)
}

/// A valid body with other members.
fn with(members: &Value) -> Value {
    let mut body = json!({"mid": "shop", "name": "x"});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body
}

fn values(values: &[Option<&str>; 7]) -> Values {
    values.map(|value| value.map(str::to_owned))
}

#[test]
fn an_absent_field_and_null_are_the_same() {
    let none = json!({
        "mid": null, "name": null, "type": null, "scopes": null, "overwriteExistingKey": null, "expires_at": null,
        "secret": null,
    });
    for body in [json!({}), none.clone()] {
        assert_eq!(errors(of_json(&body)), ["mid is required", "name is required"]);
    }
    let mut optional = none;
    optional["mid"] = json!("shop");
    optional["name"] = json!("x");
    for body in [with(&json!({})), optional] {
        assert_eq!(of_json(&body).unwrap(), values(&[Some("shop"), Some("x"), None, None, None, None, None]));
    }
}

#[test]
fn a_wrong_field_is_named_with_what_it_must_be() {
    let (text, flag, list) = ("must be a string", "must be true or false", "must be an array of strings");
    let scope = "must be 1 to 64 of a-z 0-9 _ . - in segments separated by ':', with * only as the last segment";
    let mid = "must be 1 to 64 of A-Z a-z 0-9 _ -";
    let time = "must be an RFC 3339 time such as 2026-11-23T12:00:00Z, within the years 0000 to 9999";
    let too_many: Vec<String> = (0..101).map(|n| format!("charges:{n}")).collect();
    let too_long: Vec<String> = (0..33).map(|n| format!("{n:0>64}")).collect();
    for (field, value, message) in [
        ("mid", json!(7), text),
        ("mid", json!(1.5), text),
        ("mid", json!(true), text),
        ("mid", json!(["shop"]), text),
        ("mid", json!({"shop": 1}), text),
        ("mid", json!(""), mid),
        ("mid", json!("a b"), mid),
        ("mid", json!("m".repeat(65)), mid),
        ("mid", json!("key_mine"), "must not start with key_, which marks key ids"),
        ("name", json!(" \t"), "must not be empty"),
        ("name", json!("é".repeat(201)), "must have at most 200 characters"),
        ("name", json!("a<b"), "must not contain < or >"),
        ("type", json!("Secret"), "must be one of secret, public, tokenization"),
        ("type", json!(""), "must be one of secret, public, tokenization"),
        ("type", json!(1), text),
        ("scopes", json!("charges:read"), list),
        ("scopes", json!({"0": "charges:read"}), list),
        ("scopes", json!(7), list),
        ("scopes", json!(too_many), "must not hold more than 100 scopes"),
        ("scopes", json!(too_long), "must not have more than 2048 characters together"),
        ("overwriteExistingKey", json!("true"), flag),
        ("overwriteExistingKey", json!(1), flag),
        ("overwriteExistingKey", json!([true]), flag),
        ("expires_at", json!("tomorrow"), time),
        ("expires_at", json!("2027-01-01"), time),
        ("expires_at", json!("2027-02-30T00:00:00Z"), time),
        ("expires_at", json!(""), time),
        ("expires_at", json!(1_900_000_000), text),
        ("secret", json!({}), text),
    ] {
        assert_eq!(errors(of_json(&with(&json!({field: value})))), [format!("{field} {message}")], "{value}");
    }
    for (scopes, places) in [
        (json!(["charges:read", 1, null]), &["scopes[1] must be a string", "scopes[2] must be a string"][..]),
        // An item that is no text has no further errors.
        (json!(["Charges", 1]), &["scopes[1] must be a string"]),
        (json!(["a", "A", "a"]), &[&format!("scopes[1] {scope}"), "scopes[2] must not name a scope twice"]),
        (json!([""]), &[&format!("scopes[0] {scope}")]),
        (json!(["a:*:b"]), &[&format!("scopes[0] {scope}")]),
    ] {
        assert_eq!(errors(of_json(&with(&json!({"scopes": scopes})))), places, "{scopes}");
    }
}

#[test]
fn all_errors_are_reported_together_in_one_order() {
    let body = json!({
        "secret": 1, "expires_at": 1, "overwriteExistingKey": 1, "scopes": ["a", 1, 2], "type": 1, "name": 1, "mid": 1,
    });
    let all = ["mid", "name", "type", "scopes[1]", "scopes[2]", "overwriteExistingKey", "expires_at", "secret"];
    assert_eq!(faulty(of_json(&body)), all);
    assert_eq!(faulty(of_json(&json!({"type": "x", "expires_at": "x"}))), ["mid", "name", "type", "expires_at"]);
    let many = vec![json!(1); 30];
    let messages = errors(of_json(&json!({"name": "<", "scopes": many})));
    assert_eq!((messages.len(), messages[20].as_str()), (21, "and 12 more"));
}

#[test]
fn the_maximum_of_every_field_is_accepted() {
    let scopes: Vec<String> = (0..100).map(|n| format!("charges:{n}")).collect();
    let body = json!({"mid": "m".repeat(64), "name": "é".repeat(200), "scopes": scopes});
    assert_eq!(errors(of_json(&body)), [""; 0]);
    let longest: Vec<String> = (0..32).map(|n| format!("{n:0>64}")).collect();
    assert_eq!(errors(of_json(&with(&json!({"scopes": longest})))), [""; 0]);
}

/// Every spelling that counts as one of these names.
fn spellings(name: &str) -> Vec<String> {
    let bare = name.replace('_', "");
    let all = [name.to_uppercase(), bare.clone(), name.replace('_', "-"), format!("_{bare}"), format!("{name}[]")];
    all.into_iter().filter(|spelling| spelling != name).collect()
}

#[test]
fn a_near_miss_of_a_name_counts_as_that_name_and_both_are_refused() {
    let good = [
        ("mid", "shop"),
        ("name", "x"),
        ("type", "public"),
        ("overwriteExistingKey", "true"),
        ("expires_at", "2027-01-01T00:00:00Z"),
        ("secret", "s"),
    ];
    let expected = values(&[
        Some("shop"),
        Some("x"),
        Some("public"),
        None,
        Some("true"),
        Some("2027-01-01T00:00:00.000Z"),
        Some("s"),
    ]);
    let json = |parts: &[(&str, &str)]| -> Value {
        let value = |text: &str| if text == "true" { json!(true) } else { json!(text) };
        parts.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect()
    };
    for (name, text) in good {
        let spelled = spellings(name)
            .into_iter()
            .chain((name == "overwriteExistingKey").then(|| "overwrite_existing_key".to_owned()));
        for spelling in spelled {
            let renamed = good.map(|(known, text)| (if known == name { spelling.as_str() } else { known }, text));
            let twice = [&renamed[..], &[(name, text)]].concat();
            assert_eq!(of_json(&json(&renamed)).unwrap(), expected, "{spelling}");
            assert_eq!(of_form(&renamed).unwrap(), expected, "{spelling}");
            let error = [format!("{name} must be given once")];
            assert_eq!(errors(of_json(&json(&twice))), error, "{spelling}");
            assert_eq!(errors(of_form(&twice)), error, "{spelling}");
        }
    }
    // Two spellings are two values, even of null.
    assert_eq!(errors(of_json(&with(&json!({"Mid": null})))), ["mid must be given once"]);
    assert_eq!(errors(of_json(&with(&json!({"scopes": [], "scopes[]": []})))), ["scopes must be given once"]);
}

#[test]
fn a_form_is_read_as_json_is() {
    let fixed = [("mid", "shop"), ("name", " x ")];
    for (parts, body) in [
        (&[("type", "publishable")][..], json!({"type": "publishable"})),
        (&[("type", ""), ("expires_at", ""), ("overwriteExistingKey", ""), ("scopes", "")], json!({})),
        (&[("overwriteExistingKey", "false")], json!({"overwriteExistingKey": false})),
        (&[("scopes", "a"), ("scopes", "b")], json!({"scopes": ["a", "b"]})),
        (&[("scopes[]", "a"), ("scopes[]", "b")], json!({"scopes": ["a", "b"]})),
        (&[("scopes", "a,b")], json!({"scopes": ["a", "b"]})),
        (&[("scopes", "a , b"), ("scopes", "")], json!({"scopes": ["a", "b"]})),
        (&[("scopes", " ")], json!({"scopes": []})),
        (&[("secret", " s\r\n")], json!({"secret": "s"})),
    ] {
        let mut body = body;
        body["mid"] = json!("shop");
        body["name"] = json!("x");
        assert_eq!(of_form(&[&fixed[..], parts].concat()).unwrap(), of_json(&body).unwrap(), "{parts:?}");
    }
    for (parts, error) in [
        (&[("overwriteExistingKey", "yes")][..], "overwriteExistingKey must be true or false"),
        (
            &[("overwriteExistingKey", "true"), ("overwriteExistingKey", "true")],
            "overwriteExistingKey must be true or false",
        ),
        (&[("type", "secret"), ("type", "secret")], "type must be given once"),
        (&[("expires_at", ""), ("expires_at", "")], "expires_at must be given once"),
        (&[("scopes", "a,a")], "scopes[1] must not name a scope twice"),
        (&[("scopes", "a"), ("scopes[]", "b")], "scopes must be given once"),
    ] {
        assert_eq!(errors(of_form(&[&fixed[..], parts].concat())), [error], "{parts:?}");
    }
    // A required field is there, if empty.
    let empty = [("mid", ""), ("name", "")];
    assert_eq!(faulty(of_form(&empty)), ["mid", "name"]);
    assert!(errors(of_form(&empty)).iter().all(|error| !error.contains("required")));
}

#[test]
fn an_unknown_member_is_ignored_even_if_repeated_unless_the_struct_denies_them() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        key: Given<String>,
        mid: Option<Given<Mid>>,
    }

    impl Strict {
        fn check(self) -> Result<(String, Option<Mid>), Problem> {
            let mut check = Check::default();
            let (key, mid) = (check.field("key", self.key), check.field("mid", self.mid));
            check.finish(|| Some((key?, mid)))
        }
    }

    let strict = |body: Value| from_json(&body).and_then(Strict::check);
    assert!(of_json(&with(&json!({"other": 1, "Other": [2], "a": {"b": null}}))).is_ok());
    assert_eq!(strict(json!({"KEY": "x", "m-id": "shop"})).unwrap().1.unwrap().as_str(), "shop");
    let refused = strict(json!({"kez": null, "key": 7, "scope": [], "": 1, "Z": 1, "z": 1})).unwrap_err();
    assert_eq!(refused.code(), Code::UnknownCondition);
    let messages = errors::<()>(Err(refused));
    assert_eq!(messages.iter().filter(|error| error.ends_with(" is no condition (there are key, mid)")).count(), 4);
    assert_eq!(
        messages.iter().map(|error| error.split(' ').next().unwrap()).collect::<Vec<_>>(),
        ["", "kez", "scope", "Z"]
    );
    assert_eq!(strict(json!({"key": 7})).unwrap_err().code(), Code::InvalidRequest);
}

#[test]
fn each_object_of_a_list_is_a_request_of_its_own() {
    #[derive(Deserialize)]
    struct Several {
        items: Given<Objects<Sample, 2>>,
    }

    let read = |items: Value| {
        let mut check = Check::default();
        let items = check.field("items", from_json::<Several>(&json!({"Items": items})).unwrap().items);
        check.finish(|| items)
    };
    let good = with(&json!({}));
    let objects = "items must be an array of objects";
    for (items, error) in [
        (Value::Null, "items is required"),
        (good.clone(), objects),
        (json!([good, 1]), objects),
        (json!([1, 2, 3]), "items must hold 1 to 2 objects"),
        (json!([]), "items must hold 1 to 2 objects"),
    ] {
        assert_eq!(errors(read(items.clone())), [error], "{items}");
    }
    let Objects(read) = read(json!([{"mid": "a b", "MID": 1, "scopes": ["A"]}, good])).unwrap();
    let checked: Vec<_> = read.into_iter().map(|item| item.unwrap().check()).collect();
    let messages = checked.into_iter().map(errors).collect::<Vec<_>>();
    assert!(
        messages[0][0].starts_with("mid must be given once") && messages[0].len() == 3 && messages[1].is_empty(),
        "{messages:?}"
    );
}

#[test]
fn a_fault_quotes_nothing_of_a_value() {
    let odd = "An-odd-text!";
    for field in ["mid", "type", "scopes", "overwriteExistingKey", "expires_at"] {
        for value in [json!(odd), json!([odd]), json!({odd: odd})] {
            let messages = errors(of_json(&with(&json!({field: value}))));
            assert!(messages.len() == 1 && !messages[0].to_lowercase().contains("an-odd-text"), "{messages:?}");
        }
    }
}
