//! What was found lately, by name: bounded in weight, and due for another look after a while.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use foldhash::quality::RandomState;

/// A map that forgets. Each part of it keeps two generations: what is asked for moves to the young one, and when that is
/// full, the old one is forgotten and the young one grows old.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    parts: [Mutex<Part<K, V>>; PARTS],
    hasher: RandomState,
    keep: Duration,
    generation_weight_max: usize,
}

/// Parts are locked apart, so that threads rarely meet.
const PARTS: usize = 16;

/// Each part has two generations.
const GENERATIONS: usize = 2;

#[derive(Debug)]
struct Part<K, V> {
    young: Slots<K, V>,
    young_weight: usize,
    old: Slots<K, V>,
}

type Slots<K, V> = HashMap<K, Slot<V>, RandomState>;

#[derive(Debug)]
struct Slot<V> {
    value: V,
    weight: usize,
    checked: Instant,
}

/// Whether what was found may be used as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// It may.
    Fresh,
    /// The caller is to look again. Others may use it meanwhile, for as long as a fresh one.
    Due,
}

impl<K: Clone + Eq + Hash, V: Clone> Recent<K, V> {
    /// A map of values that are fresh for `keep`, of about `weight_max` together.
    pub(super) fn new(keep: Duration, weight_max: usize) -> Recent<K, V> {
        let part = |_| Mutex::new(Part::empty());
        Recent {
            parts: std::array::from_fn(part),
            hasher: RandomState::default(),
            keep,
            generation_weight_max: weight_max / PARTS / GENERATIONS,
        }
    }

    /// How long values are fresh.
    pub(super) fn keep(&self) -> Duration {
        self.keep
    }

    /// What was found under `name`.
    pub(super) fn get(&self, name: &K, now: Instant) -> Option<(V, Age)> {
        let mut part = self.part(name);
        if !part.young.contains_key(name) {
            let slot = part.old.remove(name)?;
            let forgotten = part.insert(name.clone(), slot, self.generation_weight_max);
            drop(part);
            drop(forgotten);
            part = self.part(name);
        }
        let slot = part.young.get_mut(name)?;
        if now.saturating_duration_since(slot.checked) < self.keep {
            return Some((slot.value.clone(), Age::Fresh));
        }
        slot.checked = now;
        Some((slot.value.clone(), Age::Due))
    }

    /// What was found under `name` and is fresh. Leaves what is due to those who can look again.
    pub(super) fn fresh(&self, name: &K, now: Instant) -> Option<V> {
        let part = self.part(name);
        let slot = part.young.get(name)?;
        (now.saturating_duration_since(slot.checked) < self.keep).then(|| slot.value.clone())
    }

    /// Remembers what was found under `name`.
    pub(super) fn put(&self, name: &K, value: V, weight: usize, checked: Instant) {
        let mut part = self.part(name);
        let forgotten = part.insert(name.clone(), Slot { value, weight, checked }, self.generation_weight_max);
        drop(part);
        drop(forgotten);
    }

    /// Forgets what was found under `name`.
    pub(super) fn remove(&self, name: &K) {
        let mut part = self.part(name);
        if let Some(slot) = part.young.remove(name) {
            part.young_weight -= slot.weight;
        }
        part.old.remove(name);
    }

    /// Forgets everything. What there was goes when nobody waits for it.
    pub(super) fn clear(&self) {
        for part in &self.parts {
            let forgotten = mem::replace(&mut *part.lock().unwrap_or_else(PoisonError::into_inner), Part::empty());
            drop(forgotten);
        }
    }

    fn part(&self, name: &K) -> MutexGuard<'_, Part<K, V>> {
        let at = self.hasher.hash_one(name) as usize % PARTS;
        // No code that may panic runs while a part is locked and half changed.
        self.parts[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V> Part<K, V> {
    fn empty() -> Part<K, V> {
        Part { young: Slots::default(), young_weight: 0, old: Slots::default() }
    }
}

impl<K: Eq + Hash, V> Part<K, V> {
    /// Adds to the young generation; gives what is forgotten for it, to be dropped when nobody waits for the lock.
    fn insert(&mut self, name: K, slot: Slot<V>, weight_max: usize) -> Slots<K, V> {
        let forgotten = if self.young_weight + slot.weight > weight_max {
            self.young_weight = 0;
            let young = mem::take(&mut self.young);
            mem::replace(&mut self.old, young)
        } else {
            Slots::default()
        };
        self.young_weight += slot.weight;
        if let Some(replaced) = self.young.insert(name, slot) {
            self.young_weight -= replaced.weight;
        }
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Duration = Duration::from_secs(1);

    fn id(n: usize) -> String {
        format!("0_{n}")
    }

    #[test]
    fn one_caller_is_to_look_again() {
        let recent = Recent::new(KEEP, 1 << 20);
        let start = Instant::now();
        recent.put(&id(1), "a", 1, start);
        assert_eq!(recent.get(&id(1), start + KEEP / 2), Some(("a", Age::Fresh)));
        assert_eq!((recent.fresh(&id(1), start), recent.fresh(&id(1), start + KEEP)), (Some("a"), None));
        assert_eq!(recent.get(&id(1), start + KEEP), Some(("a", Age::Due)));
        assert_eq!(recent.get(&id(1), start + KEEP), Some(("a", Age::Fresh)));
        assert_eq!(recent.get(&id(1), start + KEEP * 2), Some(("a", Age::Due)));
        recent.put(&id(1), "b", 1, start + KEEP * 2);
        assert_eq!(recent.get(&id(1), start + KEEP * 2), Some(("b", Age::Fresh)));
        recent.remove(&id(1));
        assert_eq!(recent.get(&id(1), start), None);
    }

    #[test]
    fn weight_is_bounded_and_what_is_used_stays() {
        let weight_max = 6400;
        let recent = Recent::new(KEEP, weight_max);
        let now = Instant::now();
        for n in 0..10_000 {
            recent.put(&id(n), n, 10, now);
            assert_eq!(recent.get(&id(0), now), Some((0, Age::Fresh)), "after {n}");
        }
        let kept = (0..10_000).filter(|&n| recent.get(&id(n), now).is_some()).count();
        assert!(kept > 1 && kept <= weight_max / 10, "{kept}");
        for n in 0..10_000 {
            recent.remove(&id(n));
        }
        assert!(recent.parts.iter().all(|part| part.lock().unwrap().young_weight == 0));
    }

    #[test]
    fn replacing_a_value_does_not_add_its_weight() {
        let recent = Recent::new(KEEP, 640);
        let now = Instant::now();
        for n in 0..1000 {
            recent.put(&id(1), n, 5, now);
        }
        let weights: usize = recent.parts.iter().map(|part| part.lock().unwrap().young_weight).sum();
        assert_eq!((recent.get(&id(1), now), weights), (Some((999, Age::Fresh)), 5));
    }
}
