//! A database that goes back: what it lost is kept apart from what the service lost, and nothing else is excused.

use super::*;
use crate::cut::{Event, Said};

/// From the last renewal on.
const LEASE: Duration = Duration::from_secs(5);

/// The copy of 10 takes the place at 20, and is there from 21 on.
fn cut(events: &[(u64, &str, Change)], said: &[(u64, u64)]) -> Cut {
    let event = |(number, name, change): &(u64, &str, Change)| Event {
        number: *number,
        nonce: number.to_string(),
        name: (*name).to_owned(),
        change: change.event().to_owned(),
    };
    let said = said.iter().map(|&(kept_up_to, had_up_to)| Said { kept_up_to, had_up_to });
    let (lost, said) = (events.iter().map(event).collect(), said.collect());
    Cut { copied: at(10), ended: at(20), started: at(21), lost, said }
}

impl Scenario {
    /// Whether the key's revocation, sent and acknowledged then, counts as lost by the service, by the database, and
    /// whether that had to be said.
    fn fate(&self, cut: &Cut, sent: u64, found: Standing) -> (usize, usize, usize) {
        let entry = Entry { change: Revoke, name: "key".into(), sent: at(sent), acknowledged: at(sent + 1) };
        let found = self.outcome(cut, &[entry], found);
        (found.lost.len(), found.cut.len(), found.unsaid.len())
    }

    fn outcome(&self, cut: &Cut, ledger: &[Entry], key: Standing) -> Findings {
        let last = HashMap::from([("key".to_owned(), key), ("account".to_owned(), Standing::Active)]);
        let cuts = std::slice::from_ref(cut);
        check(&self.history, Outcome { ledger, last: &last, cuts, lease: LEASE })
    }

    fn breaches(&self, cut: &Cut) -> usize {
        self.outcome(cut, &[], Standing::Active).breaches.len()
    }

    /// The same of a key that was made then.
    fn of_a_key_made(mut self, from: u64, to: u64) -> Self {
        let born = Span { sent: at(from), answered: at(to) };
        self.key = self.history.add_thing("young key", born);
        let rests_on = vec![self.key, self.account];
        self.value = self.history.add_subject(Made { name: "young".into(), rests_on, good_until: None, born });
        self
    }

    fn ghosts(&self, found: Standing) -> usize {
        let last = HashMap::from([("young key".to_owned(), found)]);
        let cuts = [cut(&[], &[])];
        check(&self.history, Outcome { ledger: &[], last: &last, cuts: &cuts, lease: LEASE }).ghosts.len()
    }
}

#[test]
fn what_the_database_lost_is_kept_apart_and_has_to_be_said() {
    let revoked = || Scenario::new().call(Revoke, 12, 13, Acknowledged);
    let lost = [(7, "key", Revoke)];
    assert_eq!(revoked().fate(&cut(&lost, &[(6, 7)]), 12, Standing::Active), (0, 1, 0));
    assert_eq!(revoked().fate(&cut(&lost, &[]), 12, Standing::Active), (0, 1, 1), "no node says so");
    assert_eq!(revoked().fate(&cut(&lost, &[(7, 7)]), 12, Standing::Active), (0, 1, 1), "they say that it is there");
    assert_eq!(revoked().fate(&cut(&lost, &[(6, 7)]), 12, Standing::Ended), (0, 0, 0), "it was revoked anew");
    assert_eq!(revoked().fate(&cut(&lost, &[]), 12, Standing::Ended), (0, 0, 1), "it had to be said all the same");
}

#[test]
fn only_an_event_that_is_missing_excuses_and_only_what_was_done_by_then() {
    let revoked = |sent| Scenario::new().call(Revoke, sent, sent + 1, Acknowledged);
    let said = [(6, 7)];
    assert_eq!(revoked(12).fate(&cut(&[], &said), 12, Standing::Active), (1, 0, 0), "no event is missing");
    assert_eq!(revoked(12).fate(&cut(&[(7, "account", Revoke)], &said), 12, Standing::Active), (1, 0, 0));
    assert_eq!(revoked(12).fate(&cut(&[(7, "key", Close)], &said), 12, Standing::Active), (1, 0, 0));
    let lost = cut(&[(7, "key", Revoke)], &said);
    assert_eq!(revoked(22).fate(&lost, 22, Standing::Active), (1, 0, 0), "it was done anew, and that is lost");
    assert_eq!(revoked(3).fate(&lost, 3, Standing::Active), (1, 0, 0), "the copy has what was answered before it");
}

#[test]
fn what_was_acknowledged_after_the_end_need_not_have_been_seen_by_a_node() {
    let tale = Scenario::new().call(Revoke, 19, 25, Acknowledged);
    let entry = Entry { change: Revoke, name: "key".into(), sent: at(19), acknowledged: at(25) };
    let found = tale.outcome(&cut(&[(7, "key", Revoke)], &[]), &[entry], Standing::Active);
    assert_eq!((found.lost.len(), found.cut.len(), found.unsaid.len()), (0, 1, 0));
}

#[test]
fn a_key_is_valid_again_only_in_the_history_that_does_not_know_better() {
    let lost = cut(&[(7, "key", Revoke)], &[]);
    let revoked = || Scenario::new().call(Revoke, 12, 13, Acknowledged);
    assert_eq!(revoked().seen(22, 23, Valid).breaches(&lost), 0);
    assert_eq!(revoked().seen(14, 15, Valid).breaches(&lost), 1, "the old history was there");
    assert_eq!(revoked().seen(22, 23, Valid).breaches(&cut(&[], &[])), 1, "the copy knows it");
    let anew = || revoked().call(Revoke, 30, 31, Acknowledged);
    assert_eq!(anew().seen(32, 33, Valid).breaches(&lost), 1, "it was revoked anew");
    assert_eq!(anew().seen(28, 29, Valid).breaches(&lost), 0);
    assert!(revoked().seen(22, 23, Invalid).outcome(&lost, &[], Standing::Active).untrue.is_empty());
}

#[test]
fn what_is_gone_is_accepted_nowhere_once_the_leases_are_over() {
    let young = |from, to| Scenario::new().of_a_key_made(from, to);
    assert_eq!(young(12, 13).seen(26, 27, Valid).ghosts(Standing::Absent), 1);
    assert_eq!(young(12, 13).seen(24, 27, Valid).ghosts(Standing::Absent), 0, "a lease of before may be left");
    assert_eq!(young(12, 13).seen(26, 27, Valid).ghosts(Standing::Active), 0, "it is there");
    assert_eq!(young(22, 23).seen(28, 29, Valid).ghosts(Standing::Absent), 0, "it was made later");
}

#[test]
fn what_was_made_since_the_copy_may_be_refused_afterwards_and_only_that() {
    let untrue = |tale: Scenario| tale.outcome(&cut(&[], &[]), &[], Standing::Active).untrue.len();
    assert_eq!(untrue(Scenario::new().of_a_key_made(12, 13).seen(22, 23, Invalid)), 0);
    assert_eq!(untrue(Scenario::new().of_a_key_made(12, 13).seen(15, 16, Invalid)), 1, "it was there then");
    assert_eq!(untrue(Scenario::new().of_a_key_made(8, 9).seen(22, 23, Invalid)), 1, "the copy has it");
    assert_eq!(untrue(Scenario::new().seen(22, 23, Invalid)), 1);
}

#[test]
fn nothing_is_lost_where_there_was_nothing_to_restrict_any_more() {
    let entry =
        |sent| Entry { change: Overwrite, name: "young key".into(), sent: at(sent), acknowledged: at(sent + 1) };
    let lost = |sent| {
        let tale = Scenario::new().of_a_key_made(12, 13).call(Overwrite, sent, sent + 1, Acknowledged);
        let last = HashMap::from([("young key".to_owned(), Standing::Absent)]);
        let (ledger, cuts) = ([entry(sent)], [cut(&[], &[])]);
        check(&tale.history, Outcome { ledger: &ledger, last: &last, cuts: &cuts, lease: LEASE }).lost.len()
    };
    assert_eq!(lost(22), 0);
    assert_eq!(lost(14), 1, "its event is not among those that are missing");
}
