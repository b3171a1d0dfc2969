//! Finds the latest of many times that are nearly in order, without a sorted copy of them.

/// How many times are looked at one by one.
pub(super) const BLOCK: u32 = 64;

/// The bounds of times that come in blocks of [`BLOCK`].
#[derive(Clone, Debug, PartialEq, Default)]
pub(super) struct Order {
    /// The lowest time from each block to the end; never falls.
    floors: Vec<i64>,
    /// The highest time from the start to each block; never falls.
    ceilings: Vec<i64>,
}

impl Order {
    /// The bounds of blocks given as the lowest and the highest time of each; a block without times has them crossed.
    pub(super) fn of(blocks: impl Iterator<Item = (i64, i64)>) -> Order {
        let (mut floors, mut ceilings): (Vec<i64>, Vec<i64>) = blocks.unzip();
        for at in (1..floors.len()).rev() {
            floors[at - 1] = floors[at - 1].min(floors[at]);
        }
        for at in 1..ceilings.len() {
            ceilings[at] = ceilings[at].max(ceilings[at - 1]);
        }
        Order { floors, ceilings }
    }

    /// Bytes it occupies beside itself.
    pub(super) fn weight(&self) -> usize {
        (self.floors.capacity() + self.ceilings.capacity()) * size_of::<i64>()
    }

    /// The highest time of all; `None` where there are none.
    pub(super) fn last(&self) -> Option<i64> {
        let last = *self.ceilings.last()?;
        (self.floors.first() <= Some(&last)).then_some(last)
    }

    /// The number with the greatest time not after `at`, the higher number of equal times; `None` where all are later.
    /// `block` gives the numbers and times of a block.
    pub(super) fn latest<I: Iterator<Item = (u32, i64)>>(
        &self,
        at: i64,
        block: impl Fn(u32) -> I,
    ) -> Option<(u32, i64)> {
        let upto = self.floors.partition_point(|floor| *floor <= at);
        let mut best: Option<(i64, u32)> = None;
        for place in (0..upto).rev() {
            if best.is_some_and(|(time, _)| self.ceilings[place] <= time) {
                break;
            }
            let found = block(place as u32).filter(|(_, time)| *time <= at).map(|(number, time)| (time, number)).max();
            best = best.max(found);
        }
        best.map(|(time, number)| (number, time))
    }

    /// The lowest time of all, or `at` where that is later.
    pub(super) fn not_before_first(&self, at: i64) -> i64 {
        self.floors.first().map_or(at, |first| at.max(*first))
    }
}
