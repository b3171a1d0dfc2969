//! A line of work in which partners, and the clients of each, take turns by what their work costs.
//!
//! Whoever was served least goes first: each share has a pass that grows by the cost of what it is served, the lowest pass is
//! next, and who comes anew starts at the pass that was served last, so that nobody saves up turns. What a client asks for
//! itself goes in the order of asking, but that something large lets what came after it go before the rest of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::net::IpAddr;

use crate::entry::PartnerId;

/// Whose work it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// Whose entry it is about.
    pub partner: PartnerId,
    /// Who asked first; `None` for the service itself.
    pub client: Option<IpAddr>,
}

/// Where a piece of work stands among those of its client: earlier rounds, then earlier turns, then earlier pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) round: u64,
    pub(super) turn: u64,
    pub(super) piece: u64,
}

/// Microseconds of work after which a turn lets others of its client go first: more than a common picture takes.
const QUANTUM: u64 = 250_000;

impl Place {
    /// The place of a piece of a turn that came when `came` microseconds had been served and has had `spent` since.
    pub(super) fn new((came, spent): (u64, u64), turn: u64, piece: u64) -> Place {
        Place { round: came.saturating_add(spent) / QUANTUM, turn, piece }
    }
}

/// What waits, in the order in which it is served. All takes logarithmic time.
#[derive(Debug)]
pub(super) struct Line<T> {
    partners: Shares<PartnerId, Clients<T>>,
    served: u64,
}

type Clients<T> = Shares<Option<IpAddr>, BTreeMap<Place, Waiting<T>>>;

#[derive(Debug)]
struct Waiting<T> {
    cost: u64,
    item: T,
}

impl<T> Default for Line<T> {
    fn default() -> Line<T> {
        Line { partners: Shares::default(), served: 0 }
    }
}

impl<T> Line<T> {
    /// How much was served so far.
    pub(super) fn served(&self) -> u64 {
        self.served
    }

    /// Adds what costs `cost` microseconds. A flow has at most one at a place.
    pub(super) fn push(&mut self, flow: Flow, place: Place, cost: u64, item: T) {
        self.partners.join(flow.partner).join(flow.client).insert(place, Waiting { cost, item });
    }

    /// What is next.
    pub(super) fn first(&self) -> Option<&T> {
        let clients = self.partners.first()?.1;
        let (_, waiting) = clients.first()?.1.first_key_value()?;
        Some(&waiting.item)
    }

    /// Takes what is next.
    pub(super) fn pop(&mut self) -> Option<T> {
        let (partner, clients) = self.partners.first()?;
        let (client, pieces) = clients.first()?;
        let (&place, waiting) = pieces.first_key_value()?;
        let cost = waiting.cost.max(1);
        self.partners.charge(partner, cost);
        self.partners.get(partner)?.charge(client, cost);
        self.served = self.served.saturating_add(cost);
        self.remove(Flow { partner, client }, place)
    }

    /// Takes what waits at a place, if it still does.
    pub(super) fn remove(&mut self, flow: Flow, place: Place) -> Option<T> {
        let clients = self.partners.get(flow.partner)?;
        let pieces = clients.get(flow.client)?;
        let waiting = pieces.remove(&place)?;
        if pieces.is_empty() {
            clients.leave(flow.client);
        }
        if clients.is_empty() {
            self.partners.leave(flow.partner);
        }
        Some(waiting.item)
    }
}

/// Those that share something, each with what it waits with.
#[derive(Debug)]
struct Shares<K, V> {
    all: HashMap<K, Share<V>>,
    /// Those that wait, by their pass.
    order: BTreeSet<(u64, K)>,
    /// The pass that was served last.
    now: u64,
}

#[derive(Debug)]
struct Share<V> {
    pass: u64,
    is_waiting: bool,
    inner: V,
}

/// Shares that wait for nothing and are remembered all the same, for what they had.
const REMEMBERED_MAX: usize = 1024;

impl<K, V> Default for Shares<K, V> {
    fn default() -> Shares<K, V> {
        Shares { all: HashMap::new(), order: BTreeSet::new(), now: 0 }
    }
}

impl<K: Copy + Eq + Hash + Ord, V: Default> Shares<K, V> {
    fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    fn first(&self) -> Option<(K, &V)> {
        let (_, key) = self.order.first()?;
        Some((*key, &self.all.get(key)?.inner))
    }

    fn get(&mut self, key: K) -> Option<&mut V> {
        self.all.get_mut(&key).map(|share| &mut share.inner)
    }

    /// What `key` waits with, which it does from now on.
    fn join(&mut self, key: K) -> &mut V {
        if !self.all.contains_key(&key) {
            self.forget();
        }
        let share = self.all.entry(key).or_insert_with(|| Share { pass: 0, is_waiting: false, inner: V::default() });
        if !share.is_waiting {
            share.is_waiting = true;
            share.pass = share.pass.max(self.now);
            self.order.insert((share.pass, key));
        }
        &mut share.inner
    }

    fn leave(&mut self, key: K) {
        if let Some(share) = self.all.get_mut(&key) {
            share.is_waiting = false;
            self.order.remove(&(share.pass, key));
        }
    }

    /// Counts what `key`, which waits, is served now.
    fn charge(&mut self, key: K, cost: u64) {
        if let Some(share) = self.all.get_mut(&key) {
            self.order.remove(&(share.pass, key));
            self.now = self.now.max(share.pass);
            share.pass = share.pass.saturating_add(cost);
            self.order.insert((share.pass, key));
        }
    }

    /// Forgets those that wait for nothing, where they are many: those first that had no more than others.
    fn forget(&mut self) {
        let most = self.order.len() + REMEMBERED_MAX;
        if self.all.len() >= most {
            let now = self.now;
            self.all.retain(|_, share| share.is_waiting || share.pass > now);
        }
        if self.all.len() >= most {
            self.all.retain(|_, share| share.is_waiting);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    fn flow(partner: i64, client: u32) -> Flow {
        Flow { partner: PartnerId(partner), client: Some(Ipv4Addr::from(client).into()) }
    }

    /// A line with turns of one piece each.
    #[derive(Default)]
    struct Turns {
        line: Line<(Flow, u64)>,
        turns: u64,
    }

    impl Turns {
        fn add(&mut self, flow: Flow, cost: u64) -> Place {
            self.turns += 1;
            let place = Place::new((self.line.served(), 0), self.turns, 0);
            self.line.push(flow, place, cost, (flow, self.turns));
            place
        }

        fn add_all(&mut self, count: usize, flow: Flow, cost: u64) {
            for _ in 0..count {
                self.add(flow, cost);
            }
        }

        /// Whose work is served next.
        fn serve(&mut self, count: usize) -> Vec<Flow> {
            (0..count).filter_map(|_| self.line.pop()).map(|(flow, _)| flow).collect()
        }
    }

    #[test]
    fn a_client_waits_for_no_more_than_one_piece_of_a_greedy_one() {
        let mut turns = Turns::default();
        let (greedy, other) = (flow(1, 1), flow(1, 2));
        turns.add_all(100, greedy, 100);
        assert_eq!(turns.serve(10), [greedy; 10]);
        turns.add(other, 100);
        turns.add(other, 100);
        assert_eq!(turns.serve(4), [other, greedy, other, greedy]);
    }

    #[test]
    fn a_partner_waits_for_no_more_than_one_piece_of_another_with_many_clients() {
        let mut turns = Turns::default();
        for client in 0..100 {
            turns.add(flow(1, client), 100);
        }
        turns.serve(10);
        let other = flow(2, 1);
        turns.add_all(3, other, 100);
        let served = turns.serve(6);
        assert_eq!(served.iter().filter(|flow| **flow == other).count(), 3, "{served:?}");
        assert_eq!(served[0], other);
    }

    #[test]
    fn who_asks_for_dear_work_is_served_less_of_it() {
        let mut turns = Turns::default();
        let (dear, cheap) = (flow(1, 1), flow(1, 2));
        for _ in 0..50 {
            turns.add(dear, 1000);
            turns.add(cheap, 10);
        }
        let served = turns.serve(51);
        assert!(served.iter().filter(|flow| **flow == dear).count() <= 2, "{served:?}");
    }

    #[test]
    fn nobody_saves_up_turns_nor_loses_a_debt() {
        let mut turns = Turns::default();
        let (steady, late) = (flow(1, 1), flow(1, 2));
        turns.add_all(100, steady, 10);
        turns.serve(50);
        turns.add_all(10, late, 10);
        assert_eq!(turns.serve(6).iter().filter(|flow| **flow == late).count(), 3, "not all of its turns at once");
        let debtor = flow(1, 3);
        turns.add(debtor, 1_000);
        assert!(turns.serve(3).contains(&debtor));
        turns.add(debtor, 1_000);
        assert!(!turns.serve(40).contains(&debtor), "it was away and had its turn before");
    }

    #[test]
    fn a_client_is_served_in_order_but_for_what_is_large() {
        let (mut line, all) = (Line::default(), flow(1, 1));
        // Turn 1 has ten pieces of a quantum; turns 2 and 3 come with it.
        for piece in 0..10 {
            line.push(all, Place::new((0, piece * QUANTUM), 1, piece), QUANTUM, (1, piece));
        }
        for turn in [2, 3] {
            line.push(all, Place::new((0, 0), turn, 0), QUANTUM / 2, (turn, 0));
            line.push(all, Place::new((0, QUANTUM / 2), turn, 1), 10, (turn, 1));
        }
        let order: Vec<_> = (0..7).filter_map(|_| line.pop()).collect();
        assert_eq!(order, [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (1, 1), (1, 2)]);
    }

    #[test]
    fn ten_thousand_leave_and_nothing_is_left() {
        let mut turns = Turns::default();
        let places: Vec<_> = (0..10_000)
            .map(|i| (flow(i64::from(i % 7), i % 1000), turns.add(flow(i64::from(i % 7), i % 1000), 10)))
            .collect();
        for (flow, place) in places {
            assert_eq!(turns.line.remove(flow, place).map(|(of, _)| of), Some(flow));
            assert_eq!(turns.line.remove(flow, place), None);
        }
        assert!(turns.line.first().is_none() && turns.line.pop().is_none());
    }

    #[test]
    fn shares_are_bounded() {
        let mut turns = Turns::default();
        for client in 0..10 * REMEMBERED_MAX as u32 {
            turns.add(flow(i64::from(client), client), 10);
            turns.add(flow(0, client), 10);
            turns.serve(2);
        }
        let partners = &turns.line.partners;
        assert!(partners.all.len() <= REMEMBERED_MAX + 2, "{}", partners.all.len());
        assert!(partners.all.values().all(|share| share.inner.all.len() <= REMEMBERED_MAX + 1));
    }

    proptest! {
        #[test]
        fn everything_is_served_once_and_shares_are_equal_within_a_piece(
            pieces in proptest::collection::vec((0..3_i64, 0..3_u32, 1..100_u64), 1..200)
        ) {
            let mut turns = Turns::default();
            let mut left: HashMap<Flow, u64> = HashMap::new();
            for (partner, client, cost) in &pieces {
                turns.add(flow(*partner, *client), *cost);
                *left.entry(flow(*partner, *client)).or_default() += cost;
            }
            let costs: Vec<u64> = pieces.iter().map(|(_, _, cost)| *cost).collect();
            let (mut had, mut count): (HashMap<Flow, u64>, usize) = (HashMap::new(), 0);
            while let Some((flow, turn)) = turns.line.pop() {
                count += 1;
                *had.entry(flow).or_default() += costs[turn as usize - 1];
                let waiting = left.iter().filter(|(flow, all)| had.get(flow).unwrap_or(&0) < *all);
                let waiting: Vec<u64> = waiting.filter(|(other, _)| other.partner == flow.partner)
                    .map(|(flow, _)| *had.get(flow).unwrap_or(&0)).collect();
                let spread = waiting.iter().max().unwrap_or(&0) - waiting.iter().min().unwrap_or(&0);
                prop_assert!(spread <= 100, "{waiting:?}");
            }
            prop_assert_eq!(count, pieces.len());
        }
    }
}
