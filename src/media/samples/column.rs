//! A column of whole numbers in as few bytes as their range and repetition allow.

/// One number for each sample. Reads beyond the end give zero.
#[derive(Clone, Debug, PartialEq, Default)]
pub(in crate::media) struct Column {
    len: u32,
    /// What is added to every packed number.
    base: i64,
    cells: Cells,
}

/// The narrowest form that holds every number of a column, less its base where they are packed.
#[derive(Clone, Debug, PartialEq)]
enum Cells {
    /// Where each stretch of equal numbers starts, and the number.
    Runs(Vec<(u32, i64)>),
    Bytes(Vec<u8>),
    Shorts(Vec<u16>),
    Words(Vec<u32>),
    Longs(Vec<i64>),
}

impl Default for Cells {
    fn default() -> Cells {
        Cells::Runs(Vec::new())
    }
}

/// What decides the form of a column.
#[derive(Clone, Copy, Debug)]
struct Extremes {
    len: u32,
    lowest: i64,
    highest: i64,
    runs: usize,
}

impl Extremes {
    fn of(runs: impl Iterator<Item = (i64, u32)>) -> Extremes {
        let mut extremes = Extremes { len: 0, lowest: i64::MAX, highest: i64::MIN, runs: 0 };
        let mut last = None;
        for (value, count) in runs {
            extremes.len = extremes.len.saturating_add(count);
            extremes.lowest = extremes.lowest.min(value);
            extremes.highest = extremes.highest.max(value);
            extremes.runs += usize::from(last != Some(value));
            last = Some(value);
        }
        extremes
    }

    /// Bytes that each number takes when packed.
    fn width(&self) -> usize {
        match self.highest.checked_sub(self.lowest) {
            Some(0..=0xff) => 1,
            Some(0x100..=0xffff) => 2,
            Some(0x1_0000..=0xffff_ffff) => 4,
            _ => 8,
        }
    }

    fn suits_runs(&self) -> bool {
        self.runs <= 1 || self.runs * size_of::<(u32, i64)>() <= self.len as usize * self.width()
    }
}

impl Column {
    /// A column of stretches of equal numbers, as `(number, count)`; no count is zero, and together they fit 32 bits.
    pub(in crate::media) fn of_runs(runs: impl Iterator<Item = (i64, u32)> + Clone) -> Column {
        let extremes = Extremes::of(runs.clone());
        let base = extremes.lowest;
        let cells = match extremes.width() {
            _ if extremes.suits_runs() => return Column::in_runs(extremes, runs),
            1 => Cells::Bytes(spread(runs, |value| (value - base) as u8)),
            2 => Cells::Shorts(spread(runs, |value| (value - base) as u16)),
            4 => Cells::Words(spread(runs, |value| (value - base) as u32)),
            _ => return Column { len: extremes.len, base: 0, cells: Cells::Longs(spread(runs, |value| value)) },
        };
        Column { len: extremes.len, base, cells }
    }

    /// A column of numbers that rarely repeat.
    pub(in crate::media) fn of_values(values: impl Iterator<Item = u32> + Clone) -> Column {
        let extremes = Extremes::of(values.clone().map(|value| (value.into(), 1)));
        let lowest = extremes.lowest as u32;
        let cells = match extremes.width() {
            _ if extremes.suits_runs() => return Column::in_runs(extremes, values.map(|value| (value.into(), 1))),
            1 => Cells::Bytes(values.map(|value| (value - lowest) as u8).collect()),
            2 => Cells::Shorts(values.map(|value| (value - lowest) as u16).collect()),
            _ => Cells::Words(values.map(|value| value - lowest).collect()),
        };
        Column { len: extremes.len, base: extremes.lowest, cells }
    }

    fn in_runs(extremes: Extremes, runs: impl Iterator<Item = (i64, u32)>) -> Column {
        let mut found: Vec<(u32, i64)> = Vec::with_capacity(extremes.runs);
        let mut place = 0;
        for (value, count) in runs {
            if found.last().is_none_or(|(_, last)| *last != value) {
                found.push((place, value));
            }
            place += count;
        }
        Column { len: extremes.len, base: 0, cells: Cells::Runs(found) }
    }

    /// How many numbers there are.
    pub(in crate::media) fn len(&self) -> u32 {
        self.len
    }

    /// Bytes it occupies beside itself.
    pub(super) fn weight(&self) -> usize {
        match &self.cells {
            Cells::Runs(runs) => runs.capacity() * size_of::<(u32, i64)>(),
            Cells::Bytes(cells) => cells.capacity(),
            Cells::Shorts(cells) => cells.capacity() * 2,
            Cells::Words(cells) => cells.capacity() * 4,
            Cells::Longs(cells) => cells.capacity() * 8,
        }
    }

    /// The number that all are; `None` where they differ. Zero for an empty column.
    pub(in crate::media) fn only(&self) -> Option<i64> {
        match &self.cells {
            Cells::Runs(runs) if runs.len() <= 1 => Some(runs.first().map_or(0, |(_, value)| *value)),
            _ => None,
        }
    }

    /// The number at a place.
    pub(super) fn get(&self, place: u32) -> i64 {
        let at = place as usize;
        let above = match &self.cells {
            Cells::Runs(runs) => {
                let next = runs.partition_point(|(first, _)| *first <= place);
                return next.checked_sub(1).map_or(0, |run| runs[run].1);
            }
            Cells::Bytes(cells) => cells.get(at).map(|cell| i64::from(*cell)),
            Cells::Shorts(cells) => cells.get(at).map(|cell| i64::from(*cell)),
            Cells::Words(cells) => cells.get(at).map(|cell| i64::from(*cell)),
            Cells::Longs(cells) => cells.get(at).copied(),
        };
        above.map_or(0, |above| self.base.wrapping_add(above))
    }

    /// The lowest number; `None` where it is not known without looking.
    pub(super) fn lowest(&self) -> Option<i64> {
        match &self.cells {
            Cells::Runs(runs) => runs.iter().map(|(_, value)| *value).min(),
            Cells::Longs(_) => None,
            _ => Some(self.base),
        }
    }

    /// Copies the numbers from a place on; those beyond the end are zero.
    pub(super) fn copy_to(&self, from: u32, numbers: &mut [i64]) {
        let upto = (from as usize + numbers.len()).min(self.len as usize);
        let count = upto.saturating_sub(from as usize);
        let from = upto - count;
        numbers[count..].fill(0);
        let numbers = &mut numbers[..count];
        match &self.cells {
            Cells::Runs(_) => (from as u32..).zip(numbers).for_each(|(place, number)| *number = self.get(place)),
            Cells::Bytes(cells) => self.widen(&cells[from..upto], numbers),
            Cells::Shorts(cells) => self.widen(&cells[from..upto], numbers),
            Cells::Words(cells) => self.widen(&cells[from..upto], numbers),
            Cells::Longs(cells) => numbers.copy_from_slice(&cells[from..upto]),
        }
    }

    fn widen<T: Copy + Into<i64>>(&self, cells: &[T], numbers: &mut [i64]) {
        for (cell, number) in cells.iter().zip(numbers) {
            *number = self.base.wrapping_add((*cell).into());
        }
    }

    /// The sum of the numbers from one place to before another, which wraps.
    pub(super) fn sum(&self, from: u32, to: u32) -> i64 {
        let to = to.min(self.len);
        let from = from.min(to);
        let cells = from as usize..to as usize;
        let above = match &self.cells {
            Cells::Runs(runs) => return sum_of_runs(runs, from, to),
            Cells::Bytes(all) => all[cells].iter().map(|cell| i64::from(*cell)).sum(),
            Cells::Shorts(all) => all[cells].iter().map(|cell| i64::from(*cell)).sum(),
            Cells::Words(all) => all[cells].iter().map(|cell| i64::from(*cell)).sum(),
            Cells::Longs(all) => all[cells].iter().fold(0i64, |sum, cell| sum.wrapping_add(*cell)),
        };
        self.base.wrapping_mul((to - from).into()).wrapping_add(above)
    }
}

fn spread<T: Clone>(runs: impl Iterator<Item = (i64, u32)>, narrow: impl Fn(i64) -> T) -> Vec<T> {
    let mut cells = Vec::new();
    for (value, count) in runs {
        match count {
            1 => cells.push(narrow(value)),
            count => cells.resize(cells.len() + count as usize, narrow(value)),
        }
    }
    cells.shrink_to_fit();
    cells
}

fn sum_of_runs(runs: &[(u32, i64)], from: u32, to: u32) -> i64 {
    let mut next = runs.partition_point(|(first, _)| *first <= from);
    let (mut sum, mut at) = (0i64, from);
    while at < to {
        let value = next.checked_sub(1).map_or(0, |run| runs[run].1);
        let end = runs.get(next).map_or(to, |(first, _)| to.min(*first));
        sum = sum.wrapping_add(value.wrapping_mul((end - at).into()));
        (at, next) = (end, next + 1);
    }
    sum
}

/// A column in the making, one number after another.
#[derive(Clone, Debug, Default)]
pub(super) struct Gathering {
    runs: Vec<(i64, u32)>,
}

impl Gathering {
    /// Adds a number at the end.
    pub(super) fn push(&mut self, value: i64) {
        match self.runs.last_mut() {
            Some((last, count)) if *last == value => *count += 1,
            _ => self.runs.push((value, 1)),
        }
    }

    /// The column of what was added.
    pub(super) fn finish(self) -> Column {
        Column::of_runs(self.runs.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = Vec<i64>> {
        let spans = prop_oneof![Just(1), Just(200), Just(40_000), Just(3_000_000_000), Just(i64::MAX)];
        (spans, any::<i64>(), 1..40u32).prop_flat_map(|(span, base, repeat)| {
            let value = (0..span).prop_map(move |above| base.wrapping_add(above));
            let runs = prop::collection::vec((value, 1..=repeat), 0..60);
            runs.prop_map(|runs| runs.into_iter().flat_map(|(v, n)| vec![v; n as usize]).collect())
        })
    }

    proptest! {
        #[test]
        fn numbers_and_sums_are_those_put_in(values in values(), from in 0u32..2500, len in 0u32..200) {
            let mut gathering = Gathering::default();
            values.iter().for_each(|value| gathering.push(*value));
            let column = gathering.finish();
            prop_assert_eq!(column.len() as usize, values.len());
            prop_assert_eq!(&(0..column.len()).map(|at| column.get(at)).collect::<Vec<_>>(), &values);
            prop_assert!(column.lowest().is_none_or(|lowest| Some(&lowest) == values.iter().min()));
            let part = values.iter().skip(from as usize).take(len as usize);
            let mut copied = vec![1; len as usize];
            column.copy_to(from, &mut copied);
            prop_assert!(copied.iter().eq(part.clone().chain(std::iter::repeat(&0)).take(len as usize)));
            prop_assert_eq!(column.sum(from, from + len), part.fold(0i64, |sum, value| sum.wrapping_add(*value)));
        }

        #[test]
        fn both_ways_in_make_the_same_column(values in prop::collection::vec(0u32..70_000, 0..200)) {
            let runs = Column::of_runs(values.iter().map(|value| (i64::from(*value), 1)));
            prop_assert_eq!(Column::of_values(values.iter().copied()), runs);
        }
    }

    #[track_caller]
    fn check(values: impl Iterator<Item = i64> + Clone, bytes: usize) {
        let column = Column::of_runs(values.map(|value| (value, 1)));
        assert_eq!(column.weight(), bytes);
    }

    #[test]
    fn the_narrowest_form_is_taken() {
        check((0..1000).map(|_| 1001), 16);
        check((0..1000).map(|at| 33 + at % 2), 1000);
        check((0..1000).map(|at| -30_000 + at * 60), 2000);
        check((0..1000).map(|at| at * 1_000_000), 4000);
        check((0..1000).map(|at| at << 40), 8000);
    }
}
