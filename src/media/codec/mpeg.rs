//! MPEG-1, MPEG-2 and MPEG-4 part 2: kinds of pictures by their start codes (ISO/IEC 13818-2 section 6.2, ISO/IEC 14496-2
//! section 6.2).

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
}
