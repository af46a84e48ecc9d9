//! The calls of a history by what they concern, so that each verification is judged in a few steps.

use std::collections::HashMap;

use crate::clock::Moment;
use crate::history::{Call, Change, Ending, History, Thing};

/// Calls that had or may have had an effect; the refused ones are left out.
pub(super) struct Index<'a> {
    of: HashMap<Thing, Calls<'a>>,
}

#[derive(Default)]
struct Calls<'a> {
    narrowing: Vec<(usize, &'a Call)>,
    widening: Vec<&'a Call>,
}

impl<'a> Index<'a> {
    pub(super) fn of(history: &'a History) -> Self {
        let mut of: HashMap<Thing, Calls<'a>> = HashMap::new();
        for (place, call) in history.calls.iter().enumerate().filter(|(_, call)| call.ending != Ending::Refused) {
            for thing in &call.things {
                let calls = of.entry(*thing).or_default();
                if call.change.narrows() {
                    calls.narrowing.push((place, call));
                } else {
                    calls.widening.push(call);
                }
            }
        }
        Self { of }
    }

    /// Calls that narrow the thing, whatever is known of their outcome.
    pub(super) fn narrowing(&self, thing: Thing) -> impl Iterator<Item = &'a Call> {
        self.of.get(&thing).into_iter().flat_map(|calls| &calls.narrowing).map(|(_, call)| *call)
    }

    /// Calls that narrow the thing and whose answer was read before that moment; with their places in the history.
    pub(super) fn acknowledged_before(&self, thing: Thing, sent: Moment) -> impl Iterator<Item = (usize, &'a Call)> {
        let calls = self.of.get(&thing).into_iter().flat_map(|calls| &calls.narrowing).copied();
        calls.filter(move |(_, call)| call.ending == Ending::Acknowledged && call.ended < sent)
    }

    /// Whether a widening that was begun by then may come after a narrowing that was sent at `sent`. A widening that
    /// was acknowledged before that is the only one that certainly comes before.
    pub(super) fn may_be_undone(&self, thing: Thing, change: Change, sent: Moment, by: Moment) -> bool {
        let certainly_before = |call: &Call| call.ending == Ending::Acknowledged && call.ended <= sent;
        !change.is_final() && self.widening(thing).any(|call| call.sent <= by && !certainly_before(call))
    }

    /// Whether a widening certainly came after the narrowing and was acknowledged before that moment.
    pub(super) fn is_undone(&self, thing: Thing, narrowing: &Call, before: Moment) -> bool {
        // One of unknown outcome may take effect at any later time.
        let over = narrowing.ending == Ending::Acknowledged && !narrowing.change.is_final();
        let undoes =
            |call: &Call| call.ending == Ending::Acknowledged && call.sent >= narrowing.ended && call.ended < before;
        over && self.widening(thing).any(undoes)
    }

    fn widening(&self, thing: Thing) -> impl Iterator<Item = &'a Call> {
        self.of.get(&thing).into_iter().flat_map(|calls| &calls.widening).copied()
    }
}
