//! Who suspends, resumes and closes accounts, of merchants and of the partners above them.
//!
//! An account is changed by one client only, one call after the other. What is in doubt may come late: the account is
//! closed then, which nothing undoes.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::making::{Account, or_over, unless_gone};
use super::revoker::warm;
use crate::credentials::Shown;
use crate::desk::{Desk, Order};
use crate::history::{Change, Span};

/// As often is one account suspended, at the most.
const TURNS: u64 = 4;

/// An account, and everything below it that can be shown.
struct Ward {
    account: Account,
    below: Vec<Shown>,
    closed: bool,
}

pub(super) fn work(mut desk: Desk<'_>, partners: &[&str]) -> Result<()> {
    or_over(until_over(&mut desk, partners))
}

fn until_over(desk: &mut Desk<'_>, partners: &[&str]) -> Result<()> {
    let platform = Account::platform(desk.run);
    let mut partners = partners.iter().map(|mid| platform.above(desk.run, mid, Span::BEFORE)).map(|account| Ward {
        account,
        below: Vec::new(),
        closed: false,
    });
    let mut partner = partners.next();
    while !desk.run.is_over() {
        if partner.as_ref().is_some_and(|partner| partner.closed) {
            partner = partners.next();
        }
        let above = partner.as_ref().map_or(&platform, |partner| &partner.account);
        let Some(mut merchant) = unless_gone(merchant(desk, above))? else {
            // The partner is suspended still, if that it was resumed went with the database.
            if let Some(partner) = &mut partner {
                change(desk, partner, Change::Resume)?;
            }
            continue;
        };
        if let Some(partner) = &mut partner {
            partner.below.extend(merchant.below.iter().cloned());
            // Old ones are dead, and shown often enough.
            let too_many = partner.below.len().saturating_sub(12);
            partner.below.drain(..too_many);
        }
        for _ in 0..=desk.rng.below(TURNS) {
            match &mut partner {
                Some(partner) if !partner.closed && desk.rng.percent(40) => once(desk, partner)?,
                _ if !merchant.closed => once(desk, &mut merchant)?,
                _ => break,
            }
        }
        if !merchant.closed {
            change(desk, &mut merchant, Change::Close)?;
        }
    }
    Ok(())
}

fn merchant(desk: &mut Desk<'_>, above: &Account) -> Result<Ward> {
    let account = desk.make_merchant(above)?;
    let key = desk.make_key(&account)?;
    let pair = desk.make_pair(&account, "Pair")?;
    let tokens = desk.make_tokens(&pair)?;
    let below = vec![key.shown, pair.public.shown, pair.secret.shown, tokens.access, pair.both];
    desk.run.credentials.add(&below);
    Ok(Ward { account, below, closed: false })
}

/// Suspends and resumes; closes where either is in doubt.
fn once(desk: &mut Desk<'_>, ward: &mut Ward) -> Result<()> {
    warm(desk, &ward.below);
    let mut in_doubt = change(desk, ward, Change::Suspend)?;
    thread::sleep(desk.rng.time(Duration::from_millis(1), Duration::from_millis(500)));
    in_doubt |= change(desk, ward, Change::Resume)?;
    if in_doubt {
        change(desk, ward, Change::Close)?;
    }
    Ok(())
}

/// Answers whether it is in doubt.
fn change(desk: &mut Desk<'_>, ward: &mut Ward, change: Change) -> Result<bool> {
    let path = format!("/v1/merchants/{}/{}", ward.account.mid, change.name());
    let request = desk.request("POST", &path, None);
    let order = Order { change, things: &[ward.account.thing], request, shown: &ward.below };
    let sent = desk.run.clock.now();
    let done = desk.insist(&order)?;
    if change == Change::Resume {
        ward.account.born = Span { sent, answered: desk.run.clock.now() };
    }
    ward.closed |= change == Change::Close;
    Ok(done.in_doubt)
}
