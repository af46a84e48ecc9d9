//! The check finds each kind of breach that is planted, and reports nothing that the promise allows.

mod backwards;

use std::time::Duration;

use super::*;
use crate::history::{Ending, Made, Seen};

use Change::{Close, Overwrite, Resume, Revoke, Suspend};
use Ending::{Acknowledged, Refused, Unknown};
use Verdict::{Invalid, Nothing, Unavailable, Valid};

fn at(second: u64) -> Moment {
    Moment::after(Duration::from_secs(second))
}

/// The check, where the database never went back.
fn checked(history: &History, ledger: &[Entry], last: &HashMap<String, Standing>) -> Findings {
    check(history, Outcome { ledger, last, cuts: &[], lease: Duration::ZERO })
}

/// A history of one key in one account, with times in seconds.
struct Scenario {
    history: History,
    key: Thing,
    account: Thing,
    value: Subject,
}

impl Scenario {
    fn new() -> Self {
        let mut history = History::default();
        let (key, account) = (history.add_thing("key", Span::BEFORE), history.add_thing("account", Span::BEFORE));
        let rests_on = vec![key, account];
        let made = Made { name: "value".into(), rests_on, good_until: None, born: Span::BEFORE };
        let value = history.add_subject(made);
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

    fn seen(mut self, from: u64, to: u64, verdict: Verdict) -> Self {
        self.history.seen.push(Seen { subject: self.value, node: 1, sent: at(from), ended: at(to), verdict });
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

    fn lost(&self, change: Change, sent: u64, found: Standing) -> usize {
        let name = if change.is_final() && change != Close { "key" } else { "account" };
        let entry = Entry { change, name: name.into(), sent: at(sent), acknowledged: at(sent + 1) };
        checked(&self.history, &[entry], &HashMap::from([(name.to_owned(), found)])).lost.len()
    }
}

#[test]
fn valid_after_an_answered_restriction_is_a_breach() {
    for change in [Revoke, Overwrite, Suspend, Close] {
        let tale = Scenario::new().call(change, 1, 3, Acknowledged).seen(4, 5, Valid);
        let findings = tale.findings();
        let thing = if matches!(change, Revoke | Overwrite) { tale.key } else { tale.account };
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
fn invalid_and_unanswered_are_right_after_a_restriction() {
    for verdict in [Invalid, Unavailable, Nothing] {
        Scenario::new().call(Revoke, 1, 3, Acknowledged).seen(4, 5, verdict).is_clean();
    }
}

#[test]
fn an_unknown_outcome_may_count_either_way() {
    Scenario::new().call(Revoke, 1, 3, Unknown).seen(4, 5, Valid).seen(4, 5, Invalid).is_clean();
    Scenario::new().call(Suspend, 1, 3, Unknown).seen(4, 5, Valid).seen(6, 7, Invalid).seen(8, 9, Valid).is_clean();
}

#[test]
fn a_repeated_call_counts_from_the_answer_of_the_try_that_had_one() {
    let tale = Scenario::new().call(Revoke, 1, 3, Unknown).call(Revoke, 4, 6, Acknowledged);
    tale.seen(5, 7, Valid).is_clean();
    Scenario::new().call(Revoke, 1, 3, Unknown).call(Revoke, 4, 6, Acknowledged).seen(7, 8, Valid).has_one_breach();
}

#[test]
fn a_refused_call_changes_nothing() {
    Scenario::new().call(Revoke, 1, 3, Refused).seen(4, 5, Valid).is_clean();
    assert_eq!(Scenario::new().call(Suspend, 1, 3, Refused).seen(4, 5, Invalid).findings().untrue, [0]);
    Scenario::new().call(Suspend, 1, 2, Acknowledged).call(Resume, 3, 4, Refused).seen(5, 6, Valid).has_one_breach();
}

#[test]
fn what_was_resumed_may_be_valid_from_the_beginning_of_the_resume() {
    let suspended = || Scenario::new().call(Suspend, 1, 2, Acknowledged);
    suspended().call(Resume, 5, 7, Acknowledged).seen(6, 6, Valid).seen(4, 5, Valid).seen(8, 9, Valid).is_clean();
    suspended().call(Resume, 5, 7, Unknown).seen(8, 9, Valid).seen(8, 9, Invalid).is_clean();
    suspended().call(Resume, 5, 7, Acknowledged).seen(3, 4, Valid).has_one_breach();
}

#[test]
fn suspended_once_more_is_suspended() {
    let twice = || {
        let once = Scenario::new().call(Suspend, 1, 2, Acknowledged).call(Resume, 3, 4, Acknowledged);
        once.call(Suspend, 5, 6, Acknowledged)
    };
    twice().seen(7, 8, Valid).has_one_breach();
    twice().seen(4, 5, Valid).seen(6, 9, Valid).is_clean();
}

#[test]
fn a_resume_that_was_cut_off_may_come_late_and_one_at_the_same_time_may_come_second() {
    let late = Scenario::new().call(Suspend, 1, 2, Acknowledged).call(Resume, 3, 4, Unknown);
    late.call(Suspend, 5, 6, Acknowledged).seen(7, 8, Valid).is_clean();
    let overlapping = Scenario::new().call(Suspend, 1, 4, Acknowledged).call(Resume, 2, 3, Acknowledged);
    overlapping.seen(5, 6, Valid).seen(5, 6, Invalid).is_clean();
}

#[test]
fn nothing_lifts_what_is_revoked_or_closed() {
    Scenario::new().call(Close, 1, 2, Acknowledged).call(Resume, 3, 4, Acknowledged).seen(5, 6, Valid).has_one_breach();
    Scenario::new().call(Revoke, 1, 2, Acknowledged).call(Resume, 3, 4, Unknown).seen(5, 6, Valid).has_one_breach();
}

#[test]
fn what_rests_on_two_keys_is_dead_with_either() {
    let mut tale = Scenario::new();
    let other = tale.history.add_thing("other key", Span::BEFORE);
    let rests_on = vec![tale.key, other];
    let made = Made { name: "token".into(), rests_on, good_until: None, born: Span::BEFORE };
    tale.value = tale.history.add_subject(made);
    let mut tale = tale.seen(4, 5, Valid);
    let of = |thing| Call {
        change: Revoke,
        things: vec![thing],
        node: 0,
        wanted: at(1),
        sent: at(1),
        ended: at(2),
        ending: Acknowledged,
    };
    tale.is_clean();
    for thing in [tale.key, other] {
        tale.history.calls = vec![of(thing)];
        tale.has_one_breach();
    }
}

#[test]
fn invalid_without_a_cause_is_untrue_and_an_outage_is_not() {
    assert_eq!(Scenario::new().seen(1, 2, Invalid).findings().untrue, [0]);
    assert_eq!(Scenario::new().seen(1, 2, Invalid).call(Revoke, 3, 4, Acknowledged).findings().untrue, [0]);
    Scenario::new().seen(1, 2, Unavailable).seen(1, 2, Nothing).is_clean();
}

#[test]
fn a_token_past_its_time_may_be_refused() {
    let mut tale = Scenario::new().seen(1, 2, Invalid).seen(8, 9, Invalid);
    tale.history.subjects[0].good_until = Some(at(9));
    assert_eq!(tale.findings().untrue, [0]);
}

#[test]
fn invalid_after_an_answered_resume_is_listed_apart() {
    let resumed = || Scenario::new().call(Suspend, 1, 2, Acknowledged).call(Resume, 3, 4, Acknowledged);
    let findings = resumed().seen(5, 6, Invalid).findings();
    assert_eq!((findings.late, findings.untrue.len()), (vec![0], 0));
    resumed().seen(4, 6, Invalid).is_clean();
    resumed().call(Suspend, 5, 6, Unknown).seen(7, 8, Invalid).is_clean();
}

#[test]
fn what_was_acknowledged_and_is_not_there_is_lost() {
    let revoked = || Scenario::new().call(Revoke, 1, 2, Acknowledged);
    assert_eq!(revoked().lost(Revoke, 1, Standing::Ended), 0);
    assert_eq!(revoked().lost(Revoke, 1, Standing::Active), 1);
    assert_eq!(revoked().lost(Revoke, 1, Standing::Absent), 1);
    let suspended = || Scenario::new().call(Suspend, 1, 2, Acknowledged);
    assert_eq!(suspended().lost(Suspend, 1, Standing::Suspended), 0);
    assert_eq!(suspended().lost(Suspend, 1, Standing::Ended), 0);
    assert_eq!(suspended().lost(Suspend, 1, Standing::Active), 1);
    assert_eq!(suspended().lost(Close, 1, Standing::Suspended), 1);
}

#[test]
fn what_was_resumed_afterwards_is_not_lost() {
    let resumed = |ending| Scenario::new().call(Suspend, 1, 2, Acknowledged).call(Resume, 3, 4, ending);
    assert_eq!(resumed(Acknowledged).lost(Suspend, 1, Standing::Active), 0);
    assert_eq!(resumed(Unknown).lost(Suspend, 1, Standing::Active), 0);
    assert_eq!(resumed(Refused).lost(Suspend, 1, Standing::Active), 1);
    let again = resumed(Acknowledged).call(Suspend, 5, 6, Acknowledged);
    assert_eq!(again.lost(Suspend, 1, Standing::Active), 0);
    assert_eq!(again.lost(Suspend, 5, Standing::Active), 1);
}

#[test]
fn an_entry_of_something_unheard_of_is_lost() {
    let entry = Entry { change: Revoke, name: "nobody".into(), sent: at(1), acknowledged: at(2) };
    assert_eq!(checked(&History::default(), &[entry], &HashMap::new()).lost.len(), 1);
}
