//! `keyward account`: creates, lists, suspends, resumes and closes accounts, with the operator's authority.

use anyhow::Result;
use clap::Args;
use keyward_app::{
    Caller,
    manage::{
        change_status::{self, change_status},
        count_below::count_below,
        create_account::{self, CreateAccount, create_account},
        list_accounts::list_accounts,
        read_account::read_account,
    },
};
use keyward_domain::{Account, Mid, Name, Role, Status};
use keyward_storage::Below;
use serde_json::{Value, json};

use super::{
    choice::one_of,
    consent::{self, Consent},
    examples,
    exit::wrong_usage,
    not_found::no_such_account,
    output::{self, Form},
    waiting,
    with_node::with_node,
};
use crate::{config::Settings, database::Mode, node::Node};

/// Number of accounts in one read.
const PAGE: u16 = 500;

/// Fields of an account for people, in this order.
const LINES: &[(&str, &str)] = &[
    ("MID", "mid"),
    ("NAME", "name"),
    ("ROLE", "role"),
    ("PARENT", "parent_mid"),
    ("STATUS", "status"),
    ("CREATED", "created_at"),
];

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Create an account
    #[command(after_help = examples::ACCOUNT_CREATE)]
    Create(Create),
    /// List all accounts, newest first
    #[command(after_help = examples::ACCOUNT_LIST)]
    List(Form),
    /// Suspend an account: its keys and those of all accounts below are invalid until it is resumed
    #[command(after_help = examples::ACCOUNT_SUSPEND)]
    Suspend(Named),
    /// Resume a suspended account: its keys are valid again
    #[command(after_help = examples::ACCOUNT_RESUME)]
    Resume(Named),
    /// Close an account and all accounts below it permanently; their keys end
    ///
    /// On a terminal it shows how many accounts and keys end, and asks. Returns when no node accepts any of those keys.
    #[command(after_help = examples::ACCOUNT_CLOSE)]
    Close(Close),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// Role of the account; there is one platform, the root
    #[arg(long, value_parser = one_of::<Role>(Role::WORDS))]
    role: Role,
    /// Name for people
    #[arg(long, value_parser = |text: &str| Name::parse(text))]
    name: Name,
    /// Public name of the account; generated if absent
    #[arg(long)]
    mid: Option<Mid>,
    /// Parent account; the platform if absent
    #[arg(long, value_name = "MID")]
    parent: Option<Mid>,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Args)]
pub(super) struct Named {
    /// The account
    mid: Mid,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Args)]
pub(super) struct Close {
    /// The account
    mid: Mid,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    form: Form,
}

impl Close {
    /// Refuses without `--yes` and without a terminal to ask on.
    pub(super) fn demand_consent(&self) -> Result<()> {
        self.consent.demand(&format!("account close {}", self.mid))
    }
}

pub(super) async fn run(command: Command, settings: &Settings) -> Result<()> {
    match command {
        Command::Create(create) => {
            if create.role == Role::Platform && create.parent.is_some() {
                return Err(wrong_usage("the platform is the root: omit --parent"));
            }
            let form = create.form;
            let account = with_node(settings, Mode::Change, async |node| make(node, create).await).await?;
            output::object(&view(&account), LINES, form)
        }
        Command::List(form) => with_node(settings, Mode::Read, async |node| list(node, form).await).await,
        Command::Suspend(named) => change(settings, &named, Status::Suspended).await,
        Command::Resume(named) => change(settings, &named, Status::Active).await,
        Command::Close(close) => end(settings, close).await,
    }
}

async fn make(node: &Node, create: Create) -> Result<Account> {
    let Create { role, name, mid, parent, form: _ } = create;
    let parent = match parent {
        None if role != Role::Platform => platform(node).await?,
        given => given,
    };
    let command = CreateAccount { role, mid, name, parent };
    create_account(&node.manage, &Caller::operator(), command).await.map_err(explain)
}

/// The root account, if there is one.
async fn platform(node: &Node) -> Result<Option<Mid>> {
    let mut before = None;
    loop {
        let page = list_accounts(&node.manage, &Caller::operator(), PAGE, before).await?;
        if let Some(found) = page.accounts.into_iter().find(|account| account.role == Role::Platform) {
            return Ok(Some(found.mid));
        }
        before = page.next;
        if before.is_none() {
            return Ok(None);
        }
    }
}

fn explain(error: create_account::Error) -> anyhow::Error {
    use create_account::Error as E;
    let hint = match &error {
        E::NoSuchParent => "`keyward account list` lists all accounts",
        E::WrongPlace => "name an account of the right role with --parent, or create the platform first",
        E::ParentNotActive(_) => "resume the parent first, or name another with --parent",
        E::MidTaken => "choose another with --mid, or omit it",
        E::PlatformExists => "its mid is in `keyward account list`; a lost key is replaced by `keyward key pair`",
        E::Caller(_) | E::Failure(_) => return error.into(),
    };
    anyhow::anyhow!("{error}: {hint}")
}

async fn list(node: &Node, form: Form) -> Result<()> {
    const COLUMNS: &[(&str, &str)] = &[
        ("MID", "mid"),
        ("ROLE", "role"),
        ("STATUS", "status"),
        ("PARENT", "parent_mid"),
        ("CREATED", "created_at"),
        ("NAME", "name"),
    ];
    let (mut list, mut before) = (output::List::new(COLUMNS, form), None);
    loop {
        let page = list_accounts(&node.manage, &Caller::operator(), PAGE, before).await?;
        list.add(&page.accounts.iter().map(view).collect::<Vec<_>>())?;
        before = page.next;
        if before.is_none() {
            return list.finish();
        }
    }
}

async fn change(settings: &Settings, named: &Named, wanted: Status) -> Result<()> {
    let Named { mid, form } = named;
    let account = with_node(settings, Mode::Change, async |node| become_status(node, settings, mid, wanted).await);
    output::object(&view(&account.await?), LINES, *form)
}

async fn end(settings: &Settings, close: Close) -> Result<()> {
    let Close { mid, consent, form } = close;
    let account = with_node(settings, Mode::Change, async |node| {
        if consent.is_missing() {
            let found = count_below(&node.manage, &Caller::operator(), &mid).await?;
            let (account, below) = found.ok_or_else(|| no_such_account(&mid))?;
            // A closed account has nothing left to end: a repeated close only waits again.
            if account.status != Status::Closed {
                let ends = consequences(node, &account, below).await?;
                consent::ask(&format!("Close {mid} ({}) permanently? {ends}", account.name.as_str()))?;
            }
        }
        become_status(node, settings, &mid, Status::Closed).await
    });
    output::object(&view(&account.await?), LINES, form)
}

/// Describes the consequences of closing an account that is not itself closed.
async fn consequences(node: &Node, account: &Account, below: Below) -> Result<String> {
    let mut parent = account.parent.clone();
    while let Some(above) = parent {
        let above = read_account(&node.manage, &Caller::operator(), &above.mid).await?;
        if let Some(closed) = above.as_ref().filter(|above| above.status == Status::Closed) {
            return Ok(format!(
                "It is below {}, which is closed: it and its keys have ended already, so that ends 0 accounts and 0 \
                 keys.",
                closed.mid
            ));
        }
        parent = above.and_then(|above| above.parent);
    }
    let (accounts, keys) = (consent::count(below.accounts, "account"), consent::count(below.keys, "key"));
    Ok(format!("That ends {accounts} (it and all below) and {keys}."))
}

async fn become_status(node: &Node, settings: &Settings, mid: &Mid, wanted: Status) -> Result<Account> {
    let change = async {
        change_status(&node.manage, &Caller::operator(), mid, wanted).await.map_err(|error| match error {
            change_status::Error::NoSuchAccount => no_such_account(mid),
            change_status::Error::Caller(_) | change_status::Error::Refused(_) | change_status::Error::Failure(_) => {
                error.into()
            }
        })
    };
    waiting::enforced(node, settings, change).await
}

/// An account as the HTTP API shows it (contract, section 8).
fn view(account: &Account) -> Value {
    json!({
        "mid": account.mid.as_str(),
        "name": account.name.as_str(),
        "role": account.role.as_str(),
        "parent_mid": account.parent.as_ref().map(|parent| parent.mid.as_str()),
        "status": account.status.as_str(),
        "created_at": account.created_at.to_string(),
    })
}
