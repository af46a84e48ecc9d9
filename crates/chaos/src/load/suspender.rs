//! Workers that suspend, resume and close merchants and the partners above them.
//!
//! Only one worker changes an account, with one call after the other. A call with an unknown outcome may take effect
//! late, so its account is then closed, which is final.

use std::thread;

use anyhow::Result;

use super::making::{Account, or_over, unless_gone};
use super::revoker::warm;
use crate::client::{Client, Order};
use crate::credentials::Shown;
use crate::history::{Change, Span};

/// Maximum number of suspensions of one account.
const TURNS: u64 = 4;

/// An account, and all credentials below it.
struct Ward {
    account: Account,
    below: Vec<Shown>,
    closed: bool,
}

pub(super) fn work(mut client: Client<'_>, partners: &[&str]) -> Result<()> {
    or_over(until_over(&mut client, partners))
}

fn until_over(client: &mut Client<'_>, partners: &[&str]) -> Result<()> {
    let platform = Account::platform(client.run);
    let mut partners = partners.iter().map(|mid| platform.above(client.run, mid, Span::BEFORE)).map(|account| Ward {
        account,
        below: Vec::new(),
        closed: false,
    });
    let mut partner = partners.next();
    while !client.run.is_over() {
        if partner.as_ref().is_some_and(|partner| partner.closed) {
            partner = partners.next();
        }
        let above = partner.as_ref().map_or(&platform, |partner| &partner.account);
        let Some(mut merchant) = unless_gone(merchant(client, above))? else {
            // The partner is still suspended if the database lost its resumption.
            if let Some(partner) = &mut partner {
                change(client, partner, Change::Resume)?;
            }
            continue;
        };
        if let Some(partner) = &mut partner {
            partner.below.extend(merchant.below.iter().cloned());
            // Old credentials have ended, and were verified often enough.
            let too_many = partner.below.len().saturating_sub(12);
            partner.below.drain(..too_many);
        }
        for _ in 0..=client.rng.below(TURNS) {
            match &mut partner {
                Some(partner) if !partner.closed && client.rng.percent(40) => once(client, partner)?,
                _ if !merchant.closed => once(client, &mut merchant)?,
                _ => break,
            }
        }
        if !merchant.closed {
            change(client, &mut merchant, Change::Close)?;
        }
    }
    Ok(())
}

fn merchant(client: &mut Client<'_>, above: &Account) -> Result<Ward> {
    let account = client.make_merchant(above)?;
    let key = client.make_key(&account)?;
    let pair = client.make_pair(&account, "Pair")?;
    let tokens = client.make_tokens(&pair)?;
    let below = vec![key.shown, pair.public.shown, pair.secret.shown, tokens.access, pair.both];
    client.run.credentials.add(&below);
    Ok(Ward { account, below, closed: false })
}

/// Suspends and resumes. Closes if the outcome of either is unknown.
fn once(client: &mut Client<'_>, ward: &mut Ward) -> Result<()> {
    warm(client, &ward.below);
    let mut in_doubt = change(client, ward, Change::Suspend)?;
    thread::sleep(client.rng.doubling(1, 500));
    in_doubt |= change(client, ward, Change::Resume)?;
    if in_doubt {
        change(client, ward, Change::Close)?;
    }
    Ok(())
}

/// Returns whether the outcome of an attempt is unknown.
fn change(client: &mut Client<'_>, ward: &mut Ward, change: Change) -> Result<bool> {
    let path = format!("/v1/merchants/{}/{}", ward.account.mid, change.name());
    let request = client.request("POST", &path, None);
    let order = Order { change, things: &[ward.account.thing], request, shown: &ward.below };
    let sent = client.run.clock.now();
    let done = client.complete(&order)?;
    if change == Change::Resume {
        ward.account.born = Span { sent, answered: client.run.clock.now() };
    }
    ward.closed |= change == Change::Close;
    Ok(done.in_doubt)
}
