//! `keyward policy`: shows and sets the policy of an account, with the operator's authority.

use anyhow::Result;
use clap::Args;
use keyward_app::{
    Caller,
    manage::{
        IfMatch,
        dry_run_policy::{WouldEnd, dry_run_policy},
        policies::{self, AccountPolicy, SetPolicy, read_policy, set_policy},
    },
};
use keyward_domain::{Idle, IdleAction, KeyId, Mid, Period, Policy, PolicyError};
use serde_json::{Value, json};

use super::{
    choice::one_of,
    examples,
    exit::wrong_usage,
    not_found::no_such_account,
    output::{self, Form},
    waiting,
    with_node::with_node,
};
use crate::{
    config::{Settings, duration},
    database::Mode,
};

/// Columns of a policy for people: one row for each member.
const COLUMNS: &[(&str, &str)] = &[("MEMBER", "member"), ("OWN", "own"), ("EFFECTIVE", "effective")];

/// Fields of a dry run for people.
const DRY_RUN: &[(&str, &str)] = &[
    ("WOULD END", "keys"),
    ("OF THOSE, USED IN THE LAST 24 H", "used_last_24h"),
    ("SUCH AS", "sample"),
    ("MORE WERE NOT EXAMINED", "more"),
];

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Show the policy of an account, and the strictest values from it up to the platform
    #[command(after_help = examples::POLICY_SHOW)]
    Show(Show),
    /// Replace the whole policy of an account; it binds the keys of the account and of all accounts below
    ///
    /// Members that are not given restrict nothing from then on. Returns when every node judges by the policy, also the
    /// keys that exist.
    #[command(after_help = examples::POLICY_SET)]
    Set(Set),
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The account
    mid: Mid,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Args)]
struct Members {
    /// Age at which a key expires, whatever its own end, such as 365d
    #[arg(long, value_name = "PERIOD", value_parser = period)]
    max_life: Option<Period>,
    /// Life of a new key for which no end is given
    #[arg(long, value_name = "PERIOD", value_parser = period)]
    default_life: Option<Period>,
    /// Age at which the secret of a secret key must be rotated
    #[arg(long, value_name = "PERIOD", value_parser = period)]
    max_secret_age: Option<Period>,
    /// Maximum overlap of the two secrets of a rotation
    #[arg(long, value_name = "PERIOD", value_parser = period)]
    max_overlap: Option<Period>,
    /// Maximum number of keys that are neither revoked nor expired
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    max_keys: Option<u32>,
    /// How long a key must be unused until it counts as idle
    #[arg(long, value_name = "PERIOD", value_parser = period)]
    idle: Option<Period>,
    /// Restrict nothing
    #[arg(long, conflicts_with_all = ["max_life", "default_life", "max_secret_age", "max_overlap", "max_keys", "idle"])]
    none: bool,
}

#[derive(Debug, Args)]
pub(super) struct Set {
    /// The account
    mid: Mid,
    #[command(flatten)]
    members: Members,
    /// What happens to an idle key
    #[arg(long, value_parser = one_of::<IdleAction>(IdleAction::WORDS), default_value = "report", requires = "idle")]
    idle_action: IdleAction,
    /// Change nothing, and report what the policy would end
    #[arg(long)]
    dry_run: bool,
    /// Sets the policy only if it has this version
    #[arg(long, value_name = "VERSION")]
    if_match: Option<u64>,
    #[command(flatten)]
    form: Form,
}

/// A period in whole seconds.
fn period(text: &str) -> Result<Period, String> {
    let period = duration(text).map_err(|expected| format!("must be {expected}"))?;
    if period.subsec_nanos() != 0 {
        return Err("must be whole seconds".to_owned());
    }
    Period::from_seconds(period.as_secs()).map_err(|error| error.to_string())
}

pub(super) async fn run(command: Command, settings: &Settings) -> Result<()> {
    match command {
        Command::Show(show) => read(&show, settings).await,
        Command::Set(set) => replace(set, settings).await,
    }
}

async fn read(show: &Show, settings: &Settings) -> Result<()> {
    let found = with_node(settings, Mode::Read, async |node| {
        let found = read_policy(&node.manage, &Caller::operator(), &show.mid).await?;
        found.ok_or_else(|| no_such_account(&show.mid))
    });
    print(&found.await?, show.form)
}

async fn replace(set: Set, settings: &Settings) -> Result<()> {
    let Set { mid, members, idle_action: action, dry_run, if_match, form } = set;
    let Members { max_life, default_life, max_secret_age, max_overlap, max_keys, idle, none } = members;
    let idle = idle.map(|period| Idle { period, action });
    let policy = Policy { max_life, default_life, max_secret_age, max_overlap, max_keys, idle };
    // A forgotten option must not remove a policy.
    if policy == Policy::NONE && !none {
        return Err(wrong_usage("give at least one member of the policy, such as --max-life 365d, or --none"));
    }
    if let Some(error) = policy.errors().next() {
        return Err(wrong_usage(match error {
            PolicyError::DefaultBeyondMax => "--default-life must be at most --max-life",
        }));
    }
    let if_match = if_match.map_or(IfMatch::Any, |version| IfMatch::OneOf(vec![version]));
    let command = SetPolicy { mid: mid.clone(), policy, if_match };
    let explain = |error| match error {
        policies::Error::NoSuchAccount => no_such_account(&mid),
        policies::Error::Caller(_)
        | policies::Error::OwnAccount
        | policies::Error::Closed
        | policies::Error::PreconditionFailed(_)
        | policies::Error::Failure(_) => anyhow::Error::from(error),
    };
    if dry_run {
        let would_end = with_node(settings, Mode::Read, async |node| {
            dry_run_policy(&node.manage, &Caller::operator(), &command).await.map_err(explain)
        });
        return print_dry_run(&would_end.await?, form);
    }
    let set = with_node(settings, Mode::Change, async |node| {
        let change = async { set_policy(&node.manage, &Caller::operator(), command).await.map_err(explain) };
        waiting::enforced(node, settings, change).await
    });
    print(&set.await?, form)
}

fn print(policy: &AccountPolicy, form: Form) -> Result<()> {
    let view = view(policy);
    if form.is_json() {
        return output::json(&view);
    }
    let members = view["own"].as_object().into_iter().flatten();
    let rows: Vec<_> = members
        .map(|(member, own)| json!({ "member": member, "own": own, "effective": view["effective"][member] }))
        .collect();
    let mut list = output::List::new(COLUMNS, form);
    list.add(&rows)?;
    list.finish()
}

fn print_dry_run(it: &WouldEnd, form: Form) -> Result<()> {
    let sample: Vec<_> = it.sample.iter().map(KeyId::to_string).collect();
    let would_end = json!({ "keys": it.keys, "used_last_24h": it.used_last_24h, "sample": sample });
    if form.is_json() {
        return output::json(&json!({ "would_end": would_end, "more": it.more }));
    }
    let mut shown = would_end;
    shown["more"] = it.more.into();
    output::object(&shown, DRY_RUN, form)
}

/// A policy as the HTTP API shows it (contract, section 16), with its version.
fn view(it: &AccountPolicy) -> Value {
    json!({
        "mid": it.mid.as_str(),
        "own": members(&it.own),
        "effective": members(&it.effective),
        "version": it.version,
    })
}

fn members(policy: &Policy) -> Value {
    let seconds = |period: Option<Period>| period.map(Period::as_seconds);
    json!({
        "max_life_seconds": seconds(policy.max_life),
        "default_life_seconds": seconds(policy.default_life),
        "max_secret_age_seconds": seconds(policy.max_secret_age),
        "max_overlap_seconds": seconds(policy.max_overlap),
        "max_keys": policy.max_keys,
        "idle_seconds": seconds(policy.idle.map(|idle| idle.period)),
        "idle_action": policy.idle.map(|idle| idle.action.as_str()),
    })
}
