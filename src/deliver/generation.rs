//! How often what was made of entries has been declared stale.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use super::journal::Journal;
use crate::entry::{EntryId, PartnerId};
use crate::error::Result;
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
    journal: Option<Journal>,
}

/// Where names begin, and how often they were left behind since. The sum of those that concern an entry is its generation.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// A number that was never there before, each time that all is declared stale.
    pub(super) all: u128,
    /// Of the entries of partners.
    pub(super) partners: HashMap<PartnerId, u64>,
    /// Of entries.
    pub(super) entries: HashMap<EntryId, u64>,
}

/// The end of a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Of an entry's.
    Entry(EntryId),
    /// Of that of the entries of a partner.
    Partner(PartnerId),
    /// Of everything's: names begin at this number from now on.
    All(u128),
}

impl End {
    /// The end of all there is.
    pub(super) fn of_all() -> End {
        let [front, back] = [RandomState::new(), RandomState::new()].map(|seed| seed.hash_one(NAMES_MAX));
        End::All(u128::from(front) << 64 | u128::from(back))
    }
}

impl Generations {
    /// Generations that go on from `counts`, and are written down in `journal`.
    pub(super) fn continued(counts: Counts, journal: Option<Journal>) -> Generations {
        let are_several = AtomicBool::new(counts != Counts::default());
        Generations { counts: RwLock::new(counts), are_several, journal }
    }

    /// The name under which the result of `plan` is kept.
    pub(super) fn kept_as(&self, plan: &Plan) -> Key {
        if !self.are_several.load(Ordering::Acquire) {
            return plan.key;
        }
        let counts = self.counts.read().unwrap_or_else(PoisonError::into_inner);
        let partner = counts.partners.get(&plan.partner).copied().unwrap_or(0);
        let entry = counts.entries.get(&plan.entry).copied().unwrap_or(0);
        let generation = counts.all.wrapping_add((partner + entry).into());
        drop(counts);
        // Keys are digests: their neighbours are nobody's.
        Key(u128::from_be_bytes(plan.key.0).wrapping_add(generation).to_be_bytes())
    }

    /// Ends a generation: at once, and for good when this returns. Fails where it may come back after a restart.
    pub(super) async fn end(&self, end: End) -> Result<()> {
        let written = {
            let mut counts = self.counts.write().unwrap_or_else(PoisonError::into_inner);
            self.are_several.store(true, Ordering::Release);
            counts.add(&end, 1);
            let mut ends = vec![end];
            if counts.names() > NAMES_MAX {
                let all = End::of_all();
                counts.add(&all, 1);
                ends.push(all);
            }
            // Written down in the order in which they are counted.
            self.journal.as_ref().map(|journal| journal.put(ends))
        };
        match written {
            Some(written) => written.await,
            None => Ok(()),
        }
    }
}

impl Counts {
    /// Counts so many ends.
    pub(super) fn add(&mut self, end: &End, times: u64) {
        match end {
            End::Entry(id) => *self.entries.entry(id.clone()).or_default() += times,
            End::Partner(id) => *self.partners.entry(*id).or_default() += times,
            End::All(start) => *self = Counts { all: *start, ..Counts::default() },
        }
    }

    /// The ends that lead to these, with how many there are of each.
    pub(super) fn ends(&self) -> impl Iterator<Item = (End, u64)> {
        let partners = self.partners.iter().map(|(id, count)| (End::Partner(*id), *count));
        let entries = self.entries.iter().map(|(id, count)| (End::Entry(id.clone()), *count));
        [(End::All(self.all), 1)].into_iter().chain(partners).chain(entries)
    }

    fn names(&self) -> usize {
        self.entries.len() + self.partners.len()
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

    fn entry(id: &str) -> End {
        End::Entry(EntryId::new(id).unwrap())
    }

    #[tokio::test]
    async fn generations_concern_those_they_are_of() {
        let generations = Generations::default();
        let plans = [plan("0_a", 1), plan("0_b", 1), plan("0_c", 2)];
        let names = || plans.each_ref().map(|plan| generations.kept_as(plan));
        let changed = |before: [Key; 3]| {
            let after = names();
            [0, 1, 2].map(|at| before[at] != after[at])
        };
        let first = names();
        assert_eq!(first, [Key([7; 16]); 3], "what was never declared stale is kept under its own name");
        generations.end(entry("0_a")).await.unwrap();
        assert_eq!(changed(first), [true, false, false]);
        let second = names();
        generations.end(End::Partner(PartnerId(1))).await.unwrap();
        assert_eq!(changed(second), [true, true, false]);
        let third = names();
        generations.end(End::of_all()).await.unwrap();
        assert_eq!(changed(third), [true, true, true]);
    }

    #[tokio::test]
    async fn no_generation_comes_twice() {
        let generations = Generations::default();
        let plans = [plan("0_a", 1), plan("0_b", 2)];
        let mut seen = plans.each_ref().map(|_| HashSet::new());
        for number in 0..NAMES_MAX * 2 + 10 {
            generations.end(entry(&format!("1_{number}"))).await.unwrap();
            if number % 5000 == 0 {
                generations.end(entry("0_a")).await.unwrap();
                generations.end(End::Partner(PartnerId(2))).await.unwrap();
                for (plan, seen) in plans.iter().zip(&mut seen) {
                    assert!(seen.insert(generations.kept_as(plan)), "{number}");
                }
            }
        }
        assert!(generations.counts.read().unwrap().names() <= NAMES_MAX);
    }
}
