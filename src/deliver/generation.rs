//! How often what was made of entries has been declared stale.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use crate::entry::{EntryId, PartnerId};
use crate::plan::Plan;
use crate::plan::key::Key;

/// Most entries and partners that are told apart; beyond, all start anew together.
const NAMES_MAX: usize = 65_536;

/// The generations of what is kept. What is made in one is not found in the next, and goes as what is not asked for does: to
/// declare anything stale takes no longer for much than for little.
#[derive(Debug, Default)]
pub(super) struct Generations {
    counts: RwLock<Counts>,
    /// False as long as all is in the first one, so that nobody takes turns to look.
    are_several: AtomicBool,
}

/// They only ever grow, and so does the sum of those that concern an entry, which is its generation.
#[derive(Debug, Default)]
struct Counts {
    all: u64,
    partners: HashMap<PartnerId, u64>,
    entries: HashMap<EntryId, u64>,
}

impl Generations {
    /// The name under which the result of `plan` is kept.
    pub(super) fn kept_as(&self, plan: &Plan) -> Key {
        if !self.are_several.load(Ordering::Acquire) {
            return plan.key;
        }
        let counts = self.counts.read().unwrap_or_else(PoisonError::into_inner);
        let partner = counts.partners.get(&plan.partner).copied().unwrap_or(0);
        let entry = counts.entries.get(&plan.entry).copied().unwrap_or(0);
        let generation = counts.all + partner + entry;
        drop(counts);
        // Keys are digests: their neighbours are nobody's.
        Key(u128::from_be_bytes(plan.key.0).wrapping_add(generation.into()).to_be_bytes())
    }

    /// Begins a generation of an entry.
    pub(super) fn end_of_entry(&self, entry: EntryId) {
        self.change(|counts| *counts.entries.entry(entry).or_default() += 1);
    }

    /// Begins a generation of the entries of a partner.
    pub(super) fn end_of_partner(&self, partner: PartnerId) {
        self.change(|counts| *counts.partners.entry(partner).or_default() += 1);
    }

    /// Begins a generation of everything.
    pub(super) fn end_of_all(&self) {
        self.change(|counts| counts.all += 1);
    }

    fn change(&self, change: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.write().unwrap_or_else(PoisonError::into_inner);
        self.are_several.store(true, Ordering::Release);
        change(&mut counts);
        if counts.entries.len() + counts.partners.len() > NAMES_MAX {
            counts.merge();
        }
    }
}

impl Counts {
    /// Forgets who is told apart, in a generation that nobody has been in.
    fn merge(&mut self) {
        let most = |counts: &mut dyn Iterator<Item = &u64>| counts.max().copied().unwrap_or(0);
        self.all += most(&mut self.partners.values()) + most(&mut self.entries.values()) + 1;
        (self.partners, self.entries) = Default::default();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::plan::{Freshness, Work};

    fn plan(entry: &str, partner: i64) -> Plan {
        Plan {
            key: Key([7; 16]),
            work: Work::TranscriptList { seconds: 1, total: 1 },
            entry: EntryId::new(entry).unwrap(),
            partner: PartnerId(partner),
            freshness: Freshness::Public(1),
            modified: 0,
            negotiated: false,
            attachment: None,
            failure: None,
        }
    }

    #[test]
    fn generations_concern_those_they_are_of() {
        let generations = Generations::default();
        let plans = [plan("0_a", 1), plan("0_b", 1), plan("0_c", 2)];
        let names = || plans.each_ref().map(|plan| generations.kept_as(plan));
        let changed = |before: [Key; 3]| {
            let after = names();
            [0, 1, 2].map(|at| before[at] != after[at])
        };
        let first = names();
        assert_eq!(first, [Key([7; 16]); 3], "what was never declared stale is kept under its own name");
        generations.end_of_entry(EntryId::new("0_a").unwrap());
        assert_eq!(changed(first), [true, false, false]);
        let second = names();
        generations.end_of_partner(PartnerId(1));
        assert_eq!(changed(second), [true, true, false]);
        let third = names();
        generations.end_of_all();
        assert_eq!(changed(third), [true, true, true]);
    }

    #[test]
    fn no_generation_comes_twice() {
        let generations = Generations::default();
        let plans = [plan("0_a", 1), plan("0_b", 2)];
        let mut seen = plans.each_ref().map(|_| HashSet::new());
        for number in 0..NAMES_MAX * 2 + 10 {
            generations.end_of_entry(EntryId::new(&format!("1_{number}")).unwrap());
            if number % 5000 == 0 {
                generations.end_of_entry(EntryId::new("0_a").unwrap());
                generations.end_of_partner(PartnerId(2));
                for (plan, seen) in plans.iter().zip(&mut seen) {
                    assert!(seen.insert(generations.kept_as(plan)), "{number}");
                }
            }
        }
        let counts = generations.counts.read().unwrap();
        assert!(counts.entries.len() + counts.partners.len() <= NAMES_MAX);
    }
}
