//! Index of the calls of a history by thing, so that each verification is judged in a few steps.

use std::collections::HashMap;

use crate::history::{Call, Change, Ending, History, Thing};
use keyward_testkit::clock::Moment;

/// Calls that had or may have had an effect: all except refused ones.
pub(super) struct Index<'a> {
    of: HashMap<Thing, Calls<'a>>,
}

#[derive(Default)]
struct Calls<'a> {
    restrictions: Vec<(usize, &'a Call)>,
    resumes: Vec<&'a Call>,
}

impl<'a> Index<'a> {
    pub(super) fn of(history: &'a History) -> Self {
        let mut of: HashMap<Thing, Calls<'a>> = HashMap::new();
        for (place, call) in history.calls.iter().enumerate().filter(|(_, call)| call.ending != Ending::Refused) {
            for thing in &call.things {
                let calls = of.entry(*thing).or_default();
                if call.change.restricts() {
                    calls.restrictions.push((place, call));
                } else {
                    calls.resumes.push(call);
                }
            }
        }
        Self { of }
    }

    /// Calls that restrict the thing, with any outcome.
    pub(super) fn restrictions(&self, thing: Thing) -> impl Iterator<Item = &'a Call> {
        self.of.get(&thing).into_iter().flat_map(|calls| &calls.restrictions).map(|(_, call)| *call)
    }

    /// Calls that restrict the thing and whose answer was read before `sent`, with their positions in the history.
    pub(super) fn acknowledged_before(&self, thing: Thing, sent: Moment) -> impl Iterator<Item = (usize, &'a Call)> {
        let calls = self.of.get(&thing).into_iter().flat_map(|calls| &calls.restrictions).copied();
        calls.filter(move |(_, call)| call.ending == Ending::Acknowledged && call.ended < sent)
    }

    /// Whether a resume that began before `by` may take effect after a restriction that was sent at `sent`. Only a
    /// resume that was acknowledged before `sent` certainly takes effect first.
    pub(super) fn may_be_undone(&self, thing: Thing, change: Change, sent: Moment, by: Moment) -> bool {
        let certainly_before = |call: &Call| call.ending == Ending::Acknowledged && call.ended <= sent;
        !change.is_final() && self.resumes(thing).any(|call| call.sent <= by && !certainly_before(call))
    }

    /// Whether a resume certainly took effect after the restriction and was acknowledged before `before`.
    pub(super) fn is_undone(&self, thing: Thing, restriction: &Call, before: Moment) -> bool {
        // A restriction with an unknown outcome may take effect at any later time.
        let over = restriction.ending == Ending::Acknowledged && !restriction.change.is_final();
        let undoes =
            |call: &Call| call.ending == Ending::Acknowledged && call.sent >= restriction.ended && call.ended < before;
        over && self.resumes(thing).any(undoes)
    }

    fn resumes(&self, thing: Thing) -> impl Iterator<Item = &'a Call> {
        self.of.get(&thing).into_iter().flat_map(|calls| &calls.resumes).copied()
    }
}
