//! A database that goes back: its own losses are counted apart from those of the service. Nothing else is excused.

use super::*;
use crate::cut::{Event, LossReport};

const LEASE: Duration = Duration::from_secs(5);

/// A copy made at second 10 replaces the database, which ends at second 20; the copy is ready at second 21.
fn cut(events: &[(u64, &str, Change)], reports: &[(u64, u64)]) -> Cut {
    let event = |(number, name, change): &(u64, &str, Change)| Event {
        number: *number,
        nonce: number.to_string(),
        name: (*name).to_owned(),
        change: change.event().to_owned(),
    };
    let reports = reports.iter().map(|&(kept_up_to, had_up_to)| LossReport { kept_up_to, had_up_to });
    let (lost, reports) = (events.iter().map(event).collect(), reports.collect());
    Cut { copied: at(10), ended: at(20), started: at(21), lost, reports }
}

impl Scenario {
    /// The number of changes lost by the service, lost by the database, and lost without a required report, for one
    /// acknowledged revocation of the key.
    fn fate(&self, cut: &Cut, sent: u64, found: FinalState) -> (usize, usize, usize) {
        let entry = Entry { change: Revoke, name: "key".into(), sent: at(sent), acknowledged: at(sent + 1) };
        let found = self.outcome(cut, &[entry], found);
        (found.lost.len(), found.cut.len(), found.unreported.len())
    }

    fn outcome(&self, cut: &Cut, ledger: &[Entry], key: FinalState) -> Findings {
        let last = HashMap::from([("key".to_owned(), key), ("account".to_owned(), FinalState::Active)]);
        let cuts = std::slice::from_ref(cut);
        check(&self.history, Outcome { ledger, last: &last, cuts, lease: LEASE })
    }

    fn breaches(&self, cut: &Cut) -> usize {
        self.outcome(cut, &[], FinalState::Active).breaches.len()
    }

    /// The scenario of a key that was created in this interval.
    fn of_a_key_made(mut self, from: u64, to: u64) -> Self {
        let born = Span { sent: at(from), answered: at(to) };
        self.key = self.history.add_thing("young key", born);
        let rests_on = vec![self.key, self.account];
        self.value = self.history.add_credential(Made { name: "young".into(), rests_on, good_until: None, born });
        self
    }

    fn ghosts(&self, found: FinalState) -> usize {
        let last = HashMap::from([("young key".to_owned(), found)]);
        let cuts = [cut(&[], &[])];
        check(&self.history, Outcome { ledger: &[], last: &last, cuts: &cuts, lease: LEASE }).ghosts.len()
    }
}

#[test]
fn a_loss_of_the_database_is_counted_apart_and_must_be_reported() {
    let revoked = || Scenario::new().call(Revoke, 12, 13, Acknowledged);
    let lost = [(7, "key", Revoke)];
    assert_eq!(revoked().fate(&cut(&lost, &[(6, 7)]), 12, FinalState::Active), (0, 1, 0));
    assert_eq!(revoked().fate(&cut(&lost, &[]), 12, FinalState::Active), (0, 1, 1), "no node reports it");
    assert_eq!(
        revoked().fate(&cut(&lost, &[(7, 7)]), 12, FinalState::Active),
        (0, 1, 1),
        "the reports do not cover it"
    );
    assert_eq!(revoked().fate(&cut(&lost, &[(6, 7)]), 12, FinalState::Ended), (0, 0, 0), "it was revoked again");
    assert_eq!(revoked().fate(&cut(&lost, &[]), 12, FinalState::Ended), (0, 0, 1), "it must be reported nevertheless");
}

#[test]
fn only_a_missing_event_excuses_and_only_changes_made_before_the_end() {
    let revoked = |sent| Scenario::new().call(Revoke, sent, sent + 1, Acknowledged);
    let reports = [(6, 7)];
    assert_eq!(revoked(12).fate(&cut(&[], &reports), 12, FinalState::Active), (1, 0, 0), "no event is missing");
    assert_eq!(revoked(12).fate(&cut(&[(7, "account", Revoke)], &reports), 12, FinalState::Active), (1, 0, 0));
    assert_eq!(revoked(12).fate(&cut(&[(7, "key", Close)], &reports), 12, FinalState::Active), (1, 0, 0));
    let lost = cut(&[(7, "key", Revoke)], &reports);
    assert_eq!(
        revoked(22).fate(&lost, 22, FinalState::Active),
        (1, 0, 0),
        "it was repeated, and the repetition is lost"
    );
    assert_eq!(
        revoked(3).fate(&lost, 3, FinalState::Active),
        (1, 0, 0),
        "the copy contains what was answered before it"
    );
}

#[test]
fn a_change_acknowledged_after_the_end_need_not_be_reported() {
    let scenario = Scenario::new().call(Revoke, 19, 25, Acknowledged);
    let entry = Entry { change: Revoke, name: "key".into(), sent: at(19), acknowledged: at(25) };
    let found = scenario.outcome(&cut(&[(7, "key", Revoke)], &[]), &[entry], FinalState::Active);
    assert_eq!((found.lost.len(), found.cut.len(), found.unreported.len()), (0, 1, 0));
}

#[test]
fn a_key_is_valid_again_only_in_the_history_without_its_revocation() {
    let lost = cut(&[(7, "key", Revoke)], &[]);
    let revoked = || Scenario::new().call(Revoke, 12, 13, Acknowledged);
    assert_eq!(revoked().seen(22, 23, Valid).breaches(&lost), 0);
    assert_eq!(revoked().seen(14, 15, Valid).breaches(&lost), 1, "the old history still ran");
    assert_eq!(revoked().seen(22, 23, Valid).breaches(&cut(&[], &[])), 1, "the copy contains the revocation");
    let again = || revoked().call(Revoke, 30, 31, Acknowledged);
    assert_eq!(again().seen(32, 33, Valid).breaches(&lost), 1, "it was revoked again");
    assert_eq!(again().seen(28, 29, Valid).breaches(&lost), 0);
    assert!(revoked().seen(22, 23, Invalid).outcome(&lost, &[], FinalState::Active).untrue.is_empty());
}

#[test]
fn a_lost_key_is_accepted_nowhere_once_the_leases_have_ended() {
    let young = |from, to| Scenario::new().of_a_key_made(from, to);
    assert_eq!(young(12, 13).seen(26, 27, Valid).ghosts(FinalState::Absent), 1);
    assert_eq!(young(12, 13).seen(24, 27, Valid).ghosts(FinalState::Absent), 0, "an earlier lease may still be valid");
    assert_eq!(young(12, 13).seen(26, 27, Valid).ghosts(FinalState::Active), 0, "it exists");
    assert_eq!(young(22, 23).seen(28, 29, Valid).ghosts(FinalState::Absent), 0, "it was created later");
}

#[test]
fn only_a_key_created_since_the_copy_may_be_refused_afterwards() {
    let untrue = |scenario: Scenario| scenario.outcome(&cut(&[], &[]), &[], FinalState::Active).untrue.len();
    assert_eq!(untrue(Scenario::new().of_a_key_made(12, 13).seen(22, 23, Invalid)), 0);
    assert_eq!(untrue(Scenario::new().of_a_key_made(12, 13).seen(15, 16, Invalid)), 1, "it existed then");
    assert_eq!(untrue(Scenario::new().of_a_key_made(8, 9).seen(22, 23, Invalid)), 1, "the copy contains it");
    assert_eq!(untrue(Scenario::new().seen(22, 23, Invalid)), 1);
}

#[test]
fn nothing_is_lost_if_nothing_was_left_to_restrict() {
    let entry =
        |sent| Entry { change: Overwrite, name: "young key".into(), sent: at(sent), acknowledged: at(sent + 1) };
    let lost = |sent| {
        let scenario = Scenario::new().of_a_key_made(12, 13).call(Overwrite, sent, sent + 1, Acknowledged);
        let last = HashMap::from([("young key".to_owned(), FinalState::Absent)]);
        let (ledger, cuts) = ([entry(sent)], [cut(&[], &[])]);
        check(&scenario.history, Outcome { ledger: &ledger, last: &last, cuts: &cuts, lease: LEASE }).lost.len()
    };
    assert_eq!(lost(22), 0);
    assert_eq!(lost(14), 1, "its event is not missing");
}
