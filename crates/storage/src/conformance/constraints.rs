//! Every named constraint of the migrations is attacked by raw SQL, and holds.

use std::collections::BTreeSet;

use keyward_domain::KeyId;
use uuid::Uuid;

use super::{
    Fixture, RawSql,
    sample::{Tree, at, fresh},
};

type Columns = Vec<(&'static str, String)>;

/// A valid row with some columns changed.
fn insert(table: &str, valid: &Columns, changes: &[(&'static str, String)]) -> String {
    let mut row = valid.clone();
    for (column, value) in changes {
        row.iter_mut().find(|(name, _)| name == column).unwrap().1.clone_from(value);
    }
    let (columns, values): (Vec<_>, Vec<_>) = row.into_iter().unzip();
    format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), values.join(", "))
}

fn text(value: &str) -> String {
    format!("'{value}'")
}

fn null() -> String {
    "NULL".to_owned()
}

fn valid_account(raw: &dyn RawSql, parent: Uuid) -> Columns {
    vec![
        ("id", raw.id(fresh())),
        ("mid", text(&fresh().to_string())),
        ("role", text("merchant")),
        ("parent_id", raw.id(parent)),
        ("name", text("x")),
        ("status", text("active")),
        ("suspended_by", null()),
        ("created_at", raw.moment(at(0))),
    ]
}

fn valid_key(raw: &dyn RawSql, account: Uuid) -> Columns {
    vec![
        ("id", raw.id(fresh())),
        ("account_id", raw.id(account)),
        ("type", text("public")),
        ("name", text("x")),
        ("scopes", text("")),
        ("writes_keys", raw.truth(false)),
        ("digest", null()),
        ("value", text("x")),
        ("last_four", text("abcd")),
        ("created_at", raw.moment(at(0))),
        ("state", text("active")),
        ("revoked_at", null()),
        ("not_before", null()),
        ("expires_at", null()),
        ("revoked_by", null()),
        ("revocation_reason", null()),
        ("pair_id", null()),
        ("unique_name", null()),
        ("suspended_at", null()),
        ("suspended_by", null()),
        ("suspended_level", null()),
    ]
}

fn on_accounts(raw: &dyn RawSql, tree: &Tree) -> Vec<(&'static str, String)> {
    let of =
        |changes: &[(&'static str, String)]| insert("account", &valid_account(raw, tree.partner.id.uuid()), changes);
    let mid_is_no_key = "account_mid_is_no_key_id";
    vec![
        ("account_mid_key", of(&[("mid", text(tree.rival.mid.as_str()))])),
        ("account_role", of(&[("role", text("boss"))])),
        ("account_parent", of(&[("parent_id", raw.id(fresh()))])),
        ("account_status", of(&[("status", text("asleep"))])),
        ("account_suspended_by", of(&[("suspended_by", text("merchant"))])),
        ("account_root_is_platform", of(&[("parent_id", null())])),
        ("account_root_is_platform", of(&[("role", text("platform"))])),
        (mid_is_no_key, of(&[("mid", text(""))])),
        (mid_is_no_key, of(&[("mid", text(&"x".repeat(65)))])),
        (mid_is_no_key, of(&[("mid", text(&KeyId::from_uuid(fresh()).to_string()))])),
        ("account_one_platform", of(&[("role", text("platform")), ("parent_id", null())])),
    ]
}

fn on_keys(raw: &dyn RawSql, tree: &Tree) -> Vec<(&'static str, String)> {
    let account = tree.merchant.id.uuid();
    let of = |changes: &[(&'static str, String)]| insert("api_key", &valid_key(raw, account), changes);
    let revoked = |changes: &[(&'static str, String)]| {
        let by_the_book =
            [("state", text("revoked")), ("revoked_at", raw.moment(at(1))), ("revocation_reason", text("unspecified"))];
        of(&by_the_book.into_iter().chain(changes.iter().cloned()).collect::<Vec<_>>())
    };
    let digests = "api_key_secrets_are_digests";
    let readable = "api_key_others_are_readable";
    let whole = "api_key_revoked_whole";
    vec![
        ("api_key_account", of(&[("account_id", raw.id(fresh()))])),
        ("api_key_type", of(&[("type", text("master"))])),
        ("api_key_state", of(&[("state", text("paused"))])),
        ("api_key_begins_before_it_ends", of(&[("not_before", raw.moment(at(9))), ("expires_at", raw.moment(at(9)))])),
        ("api_key_reason", revoked(&[("revocation_reason", text("bored"))])),
        (digests, of(&[("type", text("secret")), ("value", null())])),
        (digests, of(&[("digest", text("x"))])),
        (readable, of(&[("value", null())])),
        (readable, of(&[("type", text("secret")), ("digest", text("x"))])),
        (whole, of(&[("revoked_at", raw.moment(at(1)))])),
        (whole, of(&[("revocation_reason", text("unspecified"))])),
        (whole, of(&[("revoked_by", raw.id(fresh()))])),
        (whole, revoked(&[("revoked_at", null())])),
        (whole, revoked(&[("revocation_reason", null())])),
        ("api_key_suspended_whole", of(&[("suspended_by", raw.id(fresh()))])),
        ("api_key_suspended_whole", of(&[("suspended_level", text("partner"))])),
        ("api_key_suspended_level", of(&[("suspended_at", raw.moment(at(1))), ("suspended_level", text("merchant"))])),
        ("api_key_pair_whole", of(&[("pair_id", raw.id(fresh()))])),
        ("api_key_pair_whole", of(&[("unique_name", text("x"))])),
        ("api_key_unique_name", of(&[("pair_id", raw.id(fresh())), ("unique_name", text("taken"))])),
        (
            "key_usage_key",
            format!("INSERT INTO key_usage (key_id, last_used) VALUES ({}, {})", raw.id(fresh()), raw.moment(at(0))),
        ),
    ]
}

fn on_the_rest(raw: &dyn RawSql) -> Vec<(&'static str, String)> {
    let moment = || raw.moment(at(0));
    let installation: Columns =
        vec![("id", raw.truth(true)), ("environment", text("sandbox")), ("claimed_at", moment())];
    let master: Columns =
        vec![("version", "7".to_owned()), ("fingerprint", text(&"0".repeat(32))), ("first_used_at", moment())];
    let mut attacks = vec![
        ("installation_one_row", insert("installation", &installation, &[("id", raw.truth(false))])),
        ("installation_environment", insert("installation", &installation, &[("environment", text("staging"))])),
        ("master_key_fingerprint", insert("master_key", &master, &[("fingerprint", text("short"))])),
        ("signing_key_generation", insert("signing_key", &valid_signing_key(raw), &[("generation", "0".to_owned())])),
        ("signing_key_kid", insert("signing_key", &valid_signing_key(raw), &[("kid", text("taken"))])),
        ("signing_key_public", insert("signing_key", &valid_signing_key(raw), &[("public", raw.bytes(&[1; 31]))])),
    ];
    let issuer: Columns = vec![("id", raw.truth(true)), ("url", text("x")), ("stamped_at", moment())];
    attacks.push(("issuer_one_row", insert("issuer", &issuer, &[("id", raw.truth(false))])));
    let job: Columns = vec![("name", text("x")), ("turn", "NULL".to_owned()), ("ends_at", "NULL".to_owned())];
    attacks.push(("job_turn_whole", insert("job", &job, &[("ends_at", moment())])));
    let event: Columns = vec![
        ("seq", "1".to_owned()),
        ("scope", text("key")),
        ("subject", raw.id(fresh())),
        ("change", text("x")),
        ("at", moment()),
    ];
    let head: Columns = vec![("id", raw.truth(true)), ("seq", "0".to_owned())];
    attacks.push(("revocation_head_one_row", insert("revocation_head", &head, &[("id", raw.truth(false))])));
    attacks.push(("revocation_event_scope", insert("revocation_event", &event, &[("scope", text("token"))])));
    for version in ["0", "65536", "-1"] {
        attacks.push(("master_key_version", insert("master_key", &master, &[("version", version.to_owned())])));
    }
    attacks
}

fn valid_signing_key(raw: &dyn RawSql) -> Columns {
    vec![
        ("generation", "7".to_owned()),
        ("kid", text("free")),
        ("public", raw.bytes(&[1; 32])),
        ("sealed", raw.bytes(&[1])),
        ("published_at", raw.moment(at(0))),
        ("signs_from", raw.moment(at(0))),
    ]
}

/// The names after `CONSTRAINT` (except in `CONSTRAINT TRIGGER`) and `CREATE UNIQUE INDEX` in the text of migrations.
pub fn named_in(migrations: &str) -> BTreeSet<String> {
    let code: Vec<&str> =
        migrations.lines().flat_map(|line| line.split("--").next().unwrap_or_default().split_whitespace()).collect();
    let after = |words: &[&str]| -> Vec<String> {
        let named = code.windows(words.len() + 1).filter(|window| window.starts_with(words));
        named.filter_map(|window| window.last()).map(|name| (*name).to_owned()).collect()
    };
    let constraints = after(&["CONSTRAINT"]).into_iter().filter(|name| name != "TRIGGER");
    constraints.chain(after(&["UNIQUE", "INDEX"])).collect()
}

pub async fn every_constraint_holds_against_raw_sql(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let raw = fixture.raw.as_ref();
    let account = tree.merchant.id.uuid();
    let pair = [("pair_id", raw.id(fresh())), ("unique_name", text("taken"))];
    for valid in [
        insert("api_key", &valid_key(raw, account), &pair),
        insert("account", &valid_account(raw, tree.partner.id.uuid()), &[]),
        insert("signing_key", &valid_signing_key(raw), &[("generation", "6".to_owned()), ("kid", text("taken"))]),
    ] {
        assert_eq!(raw.execute(&valid).await, Ok(1), "{valid}");
    }
    let attacks = [on_accounts(raw, &tree), on_keys(raw, &tree), on_the_rest(raw), raw.own_attacks(account)].concat();
    for (constraint, sql) in &attacks {
        let refused = raw.execute(sql).await;
        assert!(
            refused.as_ref().is_err_and(|message| raw.is_about(message, constraint)),
            "{constraint}: {refused:?}: {sql}"
        );
    }
    let attacked: BTreeSet<String> = attacks.into_iter().map(|(constraint, _)| constraint.to_owned()).collect();
    assert_eq!(attacked, named_in(&raw.migrations()), "each constraint is attacked, and no other");
    for constraint in crate::Constraint::ALL {
        assert!(attacked.contains(constraint.name()), "{constraint:?}");
    }
}
