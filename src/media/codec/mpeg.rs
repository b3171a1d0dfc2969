//! MPEG-1, MPEG-2 and MPEG-4 part 2: kinds of pictures by their start codes (ISO/IEC 13818-2 section 6.2, ISO/IEC 14496-2
//! section 6.2).

use std::ops::Range;

use super::nal::Framing;

/// How a picture is predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prediction {
    /// Not at all.
    Intra,
    /// From one side, or in a way that is not known.
    Inter,
    /// From both sides; in these codecs nothing refers to such a picture.
    Both,
}

/// The pictures of a sample, which may be two fields.
fn pictures_mpeg2(sample: &[u8]) -> impl Iterator<Item = Prediction> + '_ {
    let units = Framing::StartCodes.units(sample).filter(|unit| unit[0] == 0);
    // A start code of zero, a temporal reference of ten bits, then the kind in three.
    units.filter_map(|unit| {
        Some(match unit.get(2)? >> 3 & 7 {
            1 => Prediction::Intra,
            3 => Prediction::Both,
            _ => Prediction::Inter,
        })
    })
}

/// The pictures of a sample; several where old writers packed them.
fn pictures_mpeg4(sample: &[u8]) -> impl Iterator<Item = Prediction> + '_ {
    let units = Framing::StartCodes.units(sample).filter(|unit| unit[0] == 0xb6);
    units.filter_map(|unit| {
        Some(match unit.get(1)? >> 6 {
            0 => Prediction::Intra,
            2 => Prediction::Both,
            _ => Prediction::Inter,
        })
    })
}

/// Longest sample that can be a mere placeholder: it holds the header of a picture that is not coded, and no picture of more
/// than a few blocks is so short.
const PLACEHOLDER_BYTES_MAX: usize = 19;

/// Most pictures that are told apart in one sample: writers packed two. Any more belong to the last.
const PARTS_MAX: usize = 4;

/// A coded picture within a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where its bytes lie in the sample, what comes before the picture included.
    pub bytes: Range<usize>,
    /// Whether it is predicted from both sides, so that it is shown as soon as it is decoded.
    pub is_between: bool,
    /// Whether it may stand for a picture that came packed with another one before.
    pub is_placeholder: bool,
}

/// The pictures of a sample of MPEG-4 part 2: several where old writers packed them for containers that have no other place
/// for a picture that is decoded early. The whole sample is one part where no picture starts in it.
pub(super) fn parts_mpeg4(sample: &[u8]) -> Vec<Part> {
    const PICTURE: [u8; 4] = [0, 0, 1, 0xb6];
    // The last byte of the code is the rarest: looking for it is quickest.
    let starts = (3..sample.len().saturating_sub(1)).filter(|&last| sample[last] == PICTURE[3]);
    let starts = starts.map(|last| last - 3).filter(|&at| sample[at..].starts_with(&PICTURE));
    let starts: Vec<usize> = starts.take(PARTS_MAX).collect();
    let ends = starts.iter().skip(1).copied().chain([sample.len()]);
    let mut parts: Vec<Part> = starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| Part {
            bytes: start..end,
            is_between: sample[start + PICTURE.len()] >> 6 == 2,
            is_placeholder: sample.len() <= PLACEHOLDER_BYTES_MAX && sample[start + PICTURE.len()] >> 6 == 1,
        })
        .collect();
    match parts.first_mut() {
        Some(first) => first.bytes.start = 0,
        None => parts.push(Part { bytes: 0..sample.len(), is_between: false, is_placeholder: false }),
    }
    parts
}

fn only_both(mut pictures: impl Iterator<Item = Prediction>) -> bool {
    pictures.next() == Some(Prediction::Both) && pictures.all(|picture| picture == Prediction::Both)
}

/// True for B-pictures without a sequence header, which holds for what comes after.
pub(super) fn is_droppable_mpeg2(sample: &[u8]) -> bool {
    only_both(pictures_mpeg2(sample)) && !Framing::StartCodes.units(sample).any(|unit| unit[0] == 0xb3)
}

/// True for B-pictures alone.
pub(super) fn is_droppable_mpeg4(sample: &[u8]) -> bool {
    only_both(pictures_mpeg4(sample))
}

/// True for an I-picture; its second field may be predicted from the first.
pub(super) fn starts_decoding_mpeg2(sample: &[u8]) -> Option<bool> {
    pictures_mpeg2(sample).next().map(|picture| picture == Prediction::Intra)
}

/// True for an I-picture.
pub(super) fn starts_decoding_mpeg4(sample: &[u8]) -> Option<bool> {
    pictures_mpeg4(sample).next().map(|picture| picture == Prediction::Intra)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_mpeg2() {
        let picture = |kind: u8| [0, 0, 1, 0, 0x12, kind << 3, 0xff, 0xf8];
        let slice = [0, 0, 1, 1, 0x22, 0x33];
        let sequence = [0, 0, 1, 0xb3, 0x14, 0, 0xf0, 0x13];
        let check = |parts: &[&[u8]], droppable, starts| {
            let sample = parts.concat();
            assert_eq!(
                (is_droppable_mpeg2(&sample), starts_decoding_mpeg2(&sample)),
                (droppable, starts),
                "{sample:?}"
            );
        };
        check(&[&sequence, &picture(1), &slice], false, Some(true));
        check(&[&picture(1), &slice, &picture(2), &slice], false, Some(true));
        check(&[&picture(2), &slice], false, Some(false));
        check(&[&picture(3), &slice, &picture(3), &slice], true, Some(false));
        check(&[&picture(3), &slice, &picture(2), &slice], false, Some(false));
        check(&[&sequence, &picture(3), &slice], false, Some(false));
        check(&[&slice], false, None);
        check(&[&[0, 0, 1, 0]], false, None);
    }

    #[test]
    fn pictures_of_mpeg4() {
        let picture = |kind: u8| [0, 0, 1, 0xb6, kind << 6 | 0x10, 0x60];
        let check = |parts: &[&[u8]], droppable, starts| {
            let sample = parts.concat();
            assert_eq!(
                (is_droppable_mpeg4(&sample), starts_decoding_mpeg4(&sample)),
                (droppable, starts),
                "{sample:?}"
            );
        };
        check(&[&[0, 0, 1, 0xb3, 0, 0x10, 7], &picture(0)], false, Some(true));
        check(&[&picture(1)], false, Some(false));
        check(&[&picture(2)], true, Some(false));
        check(&[&picture(1), &picture(2)], false, Some(false));
        check(&[b"text"], false, None);
    }

    #[test]
    fn packed_pictures_of_mpeg4_are_told_apart() {
        let picture = |kind: u8| [0, 0, 1, 0xb6, kind << 6 | 0x10, 0x60];
        let check = |sample: &[u8], expected: &[(Range<usize>, bool, bool)]| {
            let parts: Vec<_> =
                parts_mpeg4(sample).into_iter().map(|p| (p.bytes, p.is_between, p.is_placeholder)).collect();
            assert_eq!(parts, expected, "{sample:?}");
        };
        let long = [0x55; 20];
        check(&[&[0, 0, 1, 0xb3, 0, 0x10, 7][..], &picture(0), &long].concat(), &[(0..33, false, false)]);
        check(&[&picture(1)[..], &long, &picture(2), &long].concat(), &[(0..26, false, false), (26..52, true, false)]);
        check(&picture(1), &[(0..6, false, true)]);
        check(&picture(2), &[(0..6, true, false)]);
        let many = picture(0).repeat(9);
        check(&many, &[(0..6, false, false), (6..12, false, false), (12..18, false, false), (18..54, false, false)]);
        check(b"text", &[(0..4, false, false)]);
        check(b"", &[(0..0, false, false)]);
        check(&[0, 0, 1, 0xb6], &[(0..4, false, false)]);
    }
}
