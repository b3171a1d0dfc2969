//! The times that a wish for moments comes to on a video of a known length.

use crate::media::time::Micros;
use crate::request::thumbnail::{Moment, Window};

/// The times to show, in order, at least one; not held against the last frame yet. `default` is shown where none is asked
/// for, or the end where that is earlier.
pub(super) fn times(moment: Moment, duration: Micros, default: Micros) -> Vec<Micros> {
    match moment {
        Moment::Default => vec![default.min(duration).max(Micros(0))],
        Moment::At(at) => vec![at],
        Moment::Slice { index, of, window } => vec![part(index, of, window, duration)],
        Moment::Strip { of, at: Some(at), .. } => vec![at; of as usize],
        Moment::Strip { of, window, at: None } => (0..of).map(|index| part(index, of, window, duration)).collect(),
    }
}

/// Where part `index` of `of` equal parts of the window begins. The window ends with the video at the latest; one that
/// begins after it is empty.
fn part(index: u32, of: u32, window: Window, duration: Micros) -> Micros {
    let end = window.end.unwrap_or(duration).min(duration);
    let start = window.start.unwrap_or_default().min(end);
    let offset = i128::from(end.0 - start.0) * i128::from(index) / i128::from(of.max(1));
    Micros(start.0 + offset as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1_000_000;

    fn window(start: Option<i64>, end: Option<i64>) -> Window {
        Window { start: start.map(Micros), end: end.map(Micros) }
    }

    #[track_caller]
    fn check(moment: Moment, duration: i64, expected: &[i64]) {
        let found: Vec<_> = times(moment, Micros(duration), Micros(3 * SECOND)).iter().map(|time| time.0).collect();
        assert_eq!(found, expected, "{moment:?}");
    }

    #[test]
    fn single_moments() {
        check(Moment::Default, 10 * SECOND, &[3 * SECOND]);
        check(Moment::Default, 2 * SECOND, &[2 * SECOND]);
        check(Moment::Default, 0, &[0]);
        check(Moment::At(Micros(99 * SECOND)), SECOND, &[99 * SECOND]);
        let slice = |index, of, window| Moment::Slice { index, of, window };
        check(slice(1, 3, Window::default()), 10 * SECOND, &[3_333_333]);
        check(slice(2, 3, window(Some(SECOND), Some(4 * SECOND))), 10 * SECOND, &[3 * SECOND]);
    }

    #[test]
    fn strips() {
        let strip = |of, window, at| Moment::Strip { of, window, at };
        check(strip(4, Window::default(), None), 3 * SECOND, &[0, 750_000, 1_500_000, 2_250_000]);
        check(strip(2, window(Some(SECOND), None), None), 3 * SECOND, &[SECOND, 2 * SECOND]);
        check(strip(2, window(None, Some(SECOND)), None), 3 * SECOND, &[0, SECOND / 2]);
        check(strip(2, window(None, Some(9 * SECOND)), None), 3 * SECOND, &[0, 3 * SECOND / 2]);
        check(strip(2, window(Some(9 * SECOND), None), None), 3 * SECOND, &[3 * SECOND, 3 * SECOND]);
        check(strip(2, window(Some(SECOND), Some(SECOND)), None), 3 * SECOND, &[SECOND, SECOND]);
        check(strip(3, Window::default(), Some(Micros(7))), 3 * SECOND, &[7, 7, 7]);
        check(strip(2, Window::default(), None), i64::MAX, &[0, i64::MAX / 2]);
    }

    proptest! {
        #[test]
        fn parts_rise_inside_the_window(of in 1..200_u32, start in 0..9_000_000_i64, length in 0..9_000_000_i64,
            duration in 0..9_000_000_i64) {
            let window = window(Some(start), Some(start + length));
            let times = times(Moment::Strip { of, window, at: None }, Micros(duration), Micros(0));
            prop_assert_eq!(times.len(), of as usize);
            prop_assert!(times.is_sorted());
            let (low, high) = (start.min(duration), (start + length).min(duration));
            prop_assert!(times.iter().all(|time| (low..=high).contains(&time.0)));
        }
    }
}
