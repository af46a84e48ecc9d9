//! The check finds each kind of breach that is planted, and reports nothing that the promise allows.

mod backwards;

use std::time::Duration;

use super::*;
use crate::history::{Ending, Made, Seen};

use Change::{Close, Overwrite, Resume, Revoke, Suspend};
use Ending::{Acknowledged, Refused, Unknown};
use Validity::{Invalid, Nothing, Unavailable, Valid};

fn at(second: u64) -> Moment {
    Moment::after(Duration::from_secs(second))
}

/// Checks a history in which the database never went back.
fn checked(history: &History, ledger: &[Entry], last: &HashMap<String, FinalState>) -> Findings {
    check(history, Outcome { ledger, last, cuts: &[], lease: Duration::ZERO })
}

/// A history of one key in one account, with times in seconds.
struct Scenario {
    history: History,
    key: Thing,
    account: Thing,
    value: CredentialId,
}

impl Scenario {
    fn new() -> Self {
        let mut history = History::default();
        let (key, account) = (history.add_thing("key", Span::BEFORE), history.add_thing("account", Span::BEFORE));
        let rests_on = vec![key, account];
        let made = Made { name: "value".into(), rests_on, good_until: None, born: Span::BEFORE };
        let value = history.add_credential(made);
        Self { history, key, account, value }
    }

    fn call(mut self, change: Change, from: u64, to: u64, ending: Ending) -> Self {
        let things = match change {
            Revoke | Overwrite => vec![self.key],
            Suspend | Close | Resume => vec![self.account],
        };
        let (sent, ended) = (at(from), at(to));
        self.history.calls.push(Call { change, things, node: 0, wanted: sent, sent, ended, ending });
        self
    }

    fn seen(mut self, from: u64, to: u64, validity: Validity) -> Self {
        self.history.seen.push(Seen { credential: self.value, node: 1, sent: at(from), ended: at(to), validity });
        self
    }

    fn findings(&self) -> Findings {
        checked(&self.history, &[], &HashMap::new())
    }

    #[track_caller]
    fn is_clean(&self) {
        assert_eq!(self.findings(), Findings::default());
    }

    #[track_caller]
    fn has_one_breach(&self) {
        assert_eq!(self.findings().breaches.len(), 1, "{:?}", self.findings());
    }

    fn lost(&self, change: Change, sent: u64, found: FinalState) -> usize {
        let name = if change.is_final() && change != Close { "key" } else { "account" };
        let entry = Entry { change, name: name.into(), sent: at(sent), acknowledged: at(sent + 1) };
        checked(&self.history, &[entry], &HashMap::from([(name.to_owned(), found)])).lost.len()
    }
}

#[test]
fn valid_after_an_answered_restriction_is_a_breach() {
    for change in [Revoke, Overwrite, Suspend, Close] {
        let scenario = Scenario::new().call(change, 1, 3, Acknowledged).seen(4, 5, Valid);
        let findings = scenario.findings();
        let thing = if matches!(change, Revoke | Overwrite) { scenario.key } else { scenario.account };
        assert_eq!(findings.breaches, [Breach { seen: 0, call: 0, thing }], "{change:?}");
    }
}

#[test]
fn a_verification_sent_before_the_answer_may_get_either() {
    for (from, to) in [(0, 1), (2, 9), (3, 9)] {
        Scenario::new().call(Revoke, 1, 3, Acknowledged).seen(from, to, Valid).is_clean();
    }
    Scenario::new().call(Revoke, 1, 3, Acknowledged).seen(0, 1, Invalid).is_clean();
    Scenario::new().call(Revoke, 1, 3, Acknowledged).seen(2, 9, Invalid).is_clean();
}

#[test]
fn invalid_and_no_answer_are_allowed_after_a_restriction() {
    for validity in [Invalid, Unavailable, Nothing] {
        Scenario::new().call(Revoke, 1, 3, Acknowledged).seen(4, 5, validity).is_clean();
    }
}

#[test]
fn an_unknown_outcome_may_count_either_way() {
    Scenario::new().call(Revoke, 1, 3, Unknown).seen(4, 5, Valid).seen(4, 5, Invalid).is_clean();
    Scenario::new().call(Suspend, 1, 3, Unknown).seen(4, 5, Valid).seen(6, 7, Invalid).seen(8, 9, Valid).is_clean();
}

#[test]
fn a_repeated_call_counts_from_its_acknowledged_attempt() {
    let scenario = Scenario::new().call(Revoke, 1, 3, Unknown).call(Revoke, 4, 6, Acknowledged);
    scenario.seen(5, 7, Valid).is_clean();
    Scenario::new().call(Revoke, 1, 3, Unknown).call(Revoke, 4, 6, Acknowledged).seen(7, 8, Valid).has_one_breach();
}

#[test]
fn a_refused_call_changes_nothing() {
    Scenario::new().call(Revoke, 1, 3, Refused).seen(4, 5, Valid).is_clean();
    assert_eq!(Scenario::new().call(Suspend, 1, 3, Refused).seen(4, 5, Invalid).findings().untrue, [0]);
    Scenario::new().call(Suspend, 1, 2, Acknowledged).call(Resume, 3, 4, Refused).seen(5, 6, Valid).has_one_breach();
}

#[test]
fn a_credential_may_be_valid_from_the_beginning_of_a_resume() {
    let suspended = || Scenario::new().call(Suspend, 1, 2, Acknowledged);
    suspended().call(Resume, 5, 7, Acknowledged).seen(6, 6, Valid).seen(4, 5, Valid).seen(8, 9, Valid).is_clean();
    suspended().call(Resume, 5, 7, Unknown).seen(8, 9, Valid).seen(8, 9, Invalid).is_clean();
    suspended().call(Resume, 5, 7, Acknowledged).seen(3, 4, Valid).has_one_breach();
}

#[test]
fn an_account_suspended_again_is_suspended() {
    let twice = || {
        let once = Scenario::new().call(Suspend, 1, 2, Acknowledged).call(Resume, 3, 4, Acknowledged);
        once.call(Suspend, 5, 6, Acknowledged)
    };
    twice().seen(7, 8, Valid).has_one_breach();
    twice().seen(4, 5, Valid).seen(6, 9, Valid).is_clean();
}

#[test]
fn a_resume_with_unknown_outcome_may_take_effect_late_and_a_concurrent_one_may_come_second() {
    let late = Scenario::new().call(Suspend, 1, 2, Acknowledged).call(Resume, 3, 4, Unknown);
    late.call(Suspend, 5, 6, Acknowledged).seen(7, 8, Valid).is_clean();
    let overlapping = Scenario::new().call(Suspend, 1, 4, Acknowledged).call(Resume, 2, 3, Acknowledged);
    overlapping.seen(5, 6, Valid).seen(5, 6, Invalid).is_clean();
}

#[test]
fn a_revocation_or_a_closing_is_never_lifted() {
    Scenario::new().call(Close, 1, 2, Acknowledged).call(Resume, 3, 4, Acknowledged).seen(5, 6, Valid).has_one_breach();
    Scenario::new().call(Revoke, 1, 2, Acknowledged).call(Resume, 3, 4, Unknown).seen(5, 6, Valid).has_one_breach();
}

#[test]
fn a_token_of_two_keys_ends_with_either() {
    let mut scenario = Scenario::new();
    let other = scenario.history.add_thing("other key", Span::BEFORE);
    let rests_on = vec![scenario.key, other];
    let made = Made { name: "token".into(), rests_on, good_until: None, born: Span::BEFORE };
    scenario.value = scenario.history.add_credential(made);
    let mut scenario = scenario.seen(4, 5, Valid);
    let of = |thing| Call {
        change: Revoke,
        things: vec![thing],
        node: 0,
        wanted: at(1),
        sent: at(1),
        ended: at(2),
        ending: Acknowledged,
    };
    scenario.is_clean();
    for thing in [scenario.key, other] {
        scenario.history.calls = vec![of(thing)];
        scenario.has_one_breach();
    }
}

#[test]
fn an_invalid_without_a_cause_is_a_finding_and_an_outage_is_not() {
    assert_eq!(Scenario::new().seen(1, 2, Invalid).findings().untrue, [0]);
    assert_eq!(Scenario::new().seen(1, 2, Invalid).call(Revoke, 3, 4, Acknowledged).findings().untrue, [0]);
    Scenario::new().seen(1, 2, Unavailable).seen(1, 2, Nothing).is_clean();
}

#[test]
fn an_expired_token_may_be_refused() {
    let mut scenario = Scenario::new().seen(1, 2, Invalid).seen(8, 9, Invalid);
    scenario.history.credentials[0].good_until = Some(at(9));
    assert_eq!(scenario.findings().untrue, [0]);
}

#[test]
fn an_invalid_after_an_acknowledged_resume_is_listed_separately() {
    let resumed = || Scenario::new().call(Suspend, 1, 2, Acknowledged).call(Resume, 3, 4, Acknowledged);
    let findings = resumed().seen(5, 6, Invalid).findings();
    assert_eq!((findings.late, findings.untrue.len()), (vec![0], 0));
    resumed().seen(4, 6, Invalid).is_clean();
    resumed().call(Suspend, 5, 6, Unknown).seen(7, 8, Invalid).is_clean();
}

#[test]
fn an_acknowledged_change_that_is_absent_is_lost() {
    let revoked = || Scenario::new().call(Revoke, 1, 2, Acknowledged);
    assert_eq!(revoked().lost(Revoke, 1, FinalState::Ended), 0);
    assert_eq!(revoked().lost(Revoke, 1, FinalState::Active), 1);
    assert_eq!(revoked().lost(Revoke, 1, FinalState::Absent), 1);
    let suspended = || Scenario::new().call(Suspend, 1, 2, Acknowledged);
    assert_eq!(suspended().lost(Suspend, 1, FinalState::Suspended), 0);
    assert_eq!(suspended().lost(Suspend, 1, FinalState::Ended), 0);
    assert_eq!(suspended().lost(Suspend, 1, FinalState::Active), 1);
    assert_eq!(suspended().lost(Close, 1, FinalState::Suspended), 1);
}

#[test]
fn a_suspension_that_was_resumed_is_not_lost() {
    let resumed = |ending| Scenario::new().call(Suspend, 1, 2, Acknowledged).call(Resume, 3, 4, ending);
    assert_eq!(resumed(Acknowledged).lost(Suspend, 1, FinalState::Active), 0);
    assert_eq!(resumed(Unknown).lost(Suspend, 1, FinalState::Active), 0);
    assert_eq!(resumed(Refused).lost(Suspend, 1, FinalState::Active), 1);
    let again = resumed(Acknowledged).call(Suspend, 5, 6, Acknowledged);
    assert_eq!(again.lost(Suspend, 1, FinalState::Active), 0);
    assert_eq!(again.lost(Suspend, 5, FinalState::Active), 1);
}

#[test]
fn an_entry_of_an_unknown_thing_is_lost() {
    let entry = Entry { change: Revoke, name: "unknown".into(), sent: at(1), acknowledged: at(2) };
    assert_eq!(checked(&History::default(), &[entry], &HashMap::new()).lost.len(), 1);
}
