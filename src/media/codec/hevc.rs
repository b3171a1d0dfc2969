//! HEVC, ISO/IEC 23008-2: kinds of units (section 7.4.2.2), temporal sub-layers, and the sequence parameter set.

use super::Stated;
use super::avc::usability;
use super::bits::Bits;
use super::nal::{Framing, Units, unescaped};

/// Bytes of a sequence parameter set that are looked at.
const PARAMETERS_MAX: usize = 8192;

/// Most short-term reference picture sets that a sequence may have (section 7.4.3.2.1).
const PICTURE_SETS_MAX: u32 = 64;

fn kind(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |head| head >> 1 & 63)
}

/// The units of pictures of the base layer, with their kind and temporal sub-layer.
fn pictures(units: Units<'_>) -> impl Iterator<Item = (u8, u8)> + '_ {
    units.filter_map(|unit| {
        let [high, low] = *unit.first_chunk::<2>()?;
        let layer = (high & 1) << 5 | low >> 3;
        (kind(unit) < 32 && layer == 0).then_some((kind(unit), (low & 7).saturating_sub(1)))
    })
}

/// True where the picture is of a kind that nothing in its own temporal sub-layer refers to, and there is none above.
pub(super) fn is_droppable(units: Units<'_>, highest_sub_layer: Option<u8>) -> bool {
    let Some(highest) = highest_sub_layer else {
        return false;
    };
    let mut slices = false;
    // Parameter sets (32 to 34) hold for what comes after.
    if units.clone().any(|unit| (32..=34).contains(&kind(unit))) {
        return false;
    }
    for (kind, sub_layer) in pictures(units) {
        if kind > 14 || kind % 2 != 0 || sub_layer != highest {
            return false;
        }
        slices = true;
    }
    slices
}

/// True for the kinds of pictures that random access starts at.
pub(super) fn starts_decoding(units: Units<'_>) -> Option<bool> {
    pictures(units).next().map(|(kind, _)| (16..=23).contains(&kind))
}

/// The highest temporal sub-layer that the parameters in a configuration allow, counted from zero; `None` where it has none.
pub(super) fn highest_sub_layer(config: &[u8]) -> Option<u8> {
    sets(config).filter_map(|set| set.get(2).map(|head| head >> 1 & 7)).max()
}

/// Profile, tier, compatibility, constraints and level, as `hvcC` and the parameters both have them (section 7.3.3).
pub(super) fn profile(config: &[u8]) -> Option<[u8; 12]> {
    if let Framing::Lengths(_) = Framing::of_hevc(config) {
        return config.get(1..)?.first_chunk().copied();
    }
    let set = unescaped(sets(config).next()?, 64);
    set.get(3..)?.first_chunk().copied()
}

/// The parameter sets of all kinds in a configuration, in its order, with the head of their units.
pub(super) fn parameter_sets(config: &[u8]) -> Vec<&[u8]> {
    units(config).filter(|unit| (32..=34).contains(&kind(unit))).collect()
}

/// The sequence parameter sets of a configuration, with the head of their units.
fn sets(config: &[u8]) -> impl Iterator<Item = &[u8]> {
    units(config).filter(|unit| kind(unit) == 33)
}

/// The units of a configuration.
fn units(config: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut arrays, units) = match Framing::of_hevc(config) {
        Framing::Lengths(_) => (config.get(23..).unwrap_or_default(), Framing::Lengths(2).units(&[])),
        Framing::StartCodes => (&[][..], Framing::StartCodes.units(config)),
    };
    // Each array: the kind of its units, how many there are, and each with its length (ISO/IEC 14496-15 section 8.3.3.1).
    let mut left = 0u16;
    let listed = std::iter::from_fn(move || {
        while left == 0 {
            let ([_, high, low], rest) = arrays.split_first_chunk::<3>()?;
            (left, arrays) = (u16::from_be_bytes([*high, *low]), rest);
        }
        left -= 1;
        let (length, rest) = arrays.split_first_chunk::<2>()?;
        let (unit, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        arrays = rest;
        Some(unit)
    });
    listed.chain(units)
}

/// What the parameters say of pictures (section 7.3.2.2.1).
pub(super) fn stated(config: &[u8]) -> Option<Stated> {
    let unit = sets(config).next()?;
    let parameters = unescaped(unit.get(2..)?, PARAMETERS_MAX);
    let mut bits = Bits::of(&parameters);
    bits.skip(4)?;
    let sub_layers = bits.number(3)?;
    bits.skip(1)?;
    profile_and_levels(&mut bits, sub_layers)?;
    bits.golomb()?;
    if bits.golomb()? == 3 {
        bits.skip(1)?;
    }
    bits.golomb()?;
    bits.golomb()?;
    if bits.bit()? {
        golombs(&mut bits, 4)?;
    }
    golombs(&mut bits, 2)?;
    let order_bits = bits.golomb()?.checked_add(4).filter(|bits| *bits <= 16)?;
    let rows = if bits.bit()? { sub_layers + 1 } else { 1 };
    golombs(&mut bits, 3 * rows)?;
    golombs(&mut bits, 6)?;
    if bits.bit()? && bits.bit()? {
        scaling_lists(&mut bits)?;
    }
    bits.skip(2)?;
    if bits.bit()? {
        // PCM: depths, sizes, loop filter.
        bits.skip(8)?;
        golombs(&mut bits, 2)?;
        bits.skip(1)?;
    }
    picture_sets(&mut bits)?;
    if bits.bit()? {
        let count = bits.golomb().filter(|count| *count <= 32)?;
        bits.skip(count as usize * (order_bits as usize + 1))?;
    }
    bits.skip(2)?;
    if !bits.bit()? {
        return Some(Stated::default());
    }
    usability(&mut bits)
}

fn golombs(bits: &mut Bits<'_>, count: u32) -> Option<()> {
    (0..count).try_for_each(|_| bits.golomb().map(drop))
}

/// Section 7.3.3.
fn profile_and_levels(bits: &mut Bits<'_>, sub_layers: u32) -> Option<()> {
    bits.skip(96)?;
    let mut length = 0;
    for _ in 0..sub_layers {
        length += if bits.bit()? { 88 } else { 0 };
        length += if bits.bit()? { 8 } else { 0 };
    }
    if sub_layers > 0 {
        bits.skip(2 * (8 - sub_layers as usize))?;
    }
    bits.skip(length)
}

/// Section 7.3.4.
fn scaling_lists(bits: &mut Bits<'_>) -> Option<()> {
    for size in 0..4 {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if !bits.bit()? {
                bits.golomb()?;
                continue;
            }
            if size > 1 {
                bits.golomb()?;
            }
            golombs(bits, 64.min(1 << (4 + 2 * size)))?;
        }
    }
    Some(())
}

/// Section 7.3.7: only the number of pictures in each set matters here, as later sets are told by those before.
fn picture_sets(bits: &mut Bits<'_>) -> Option<()> {
    let count = bits.golomb().filter(|count| *count <= PICTURE_SETS_MAX)?;
    let mut before = 0u32;
    for set in 0..count {
        before = if set > 0 && bits.bit()? {
            bits.skip(1)?;
            bits.golomb()?;
            let mut pictures = 0;
            for _ in 0..=before {
                let used = bits.bit()?;
                pictures += u32::from(used || bits.bit()?);
            }
            pictures
        } else {
            let pictures = bits.golomb()?.checked_add(bits.golomb()?).filter(|pictures| *pictures <= 32)?;
            for _ in 0..pictures {
                bits.golomb()?;
                bits.skip(1)?;
            }
            pictures
        };
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::picture::{Color, Range};

    /// A unit of a kind and a temporal sub-layer, behind its length.
    fn unit(kind: u8, sub_layer: u8) -> [u8; 4] {
        [3, kind << 1, sub_layer + 1, 0x80]
    }

    #[track_caller]
    fn check(sample: &[u8], highest: Option<u8>, droppable: bool, starts: Option<bool>) {
        let units = Framing::Lengths(1).units(sample);
        assert_eq!((is_droppable(units.clone(), highest), starts_decoding(units)), (droppable, starts), "{sample:?}");
    }

    #[test]
    fn samples_by_their_units() {
        check(&[unit(35, 0), unit(19, 0)].concat(), Some(0), false, Some(true));
        check(&unit(21, 0), Some(0), false, Some(true));
        check(&unit(1, 0), Some(0), false, Some(false));
        check(&[unit(0, 0), unit(0, 0)].concat(), Some(0), true, Some(false));
        check(&unit(8, 0), Some(0), true, Some(false));
        check(&unit(9, 0), Some(0), false, Some(false));
        check(&[unit(0, 0), unit(1, 0)].concat(), Some(0), false, Some(false));
        check(&[unit(34, 0), unit(0, 0)].concat(), Some(0), false, Some(false));
        // Reserved kinds that are for reference, and those above 14.
        check(&unit(22, 0), Some(0), false, Some(true));
        check(&unit(24, 0), Some(0), false, Some(false));
        check(&[], Some(0), false, None);
    }

    #[test]
    fn only_the_highest_sub_layer_is_droppable() {
        check(&unit(0, 1), Some(2), false, Some(false));
        check(&unit(0, 2), Some(2), true, Some(false));
        check(&unit(0, 0), None, false, Some(false));
    }

    #[test]
    fn units_of_another_layer_do_not_count() {
        let other = [3, 1 << 1, 8 + 1, 0x80];
        check(&[unit(0, 0), other].concat(), Some(0), true, Some(false));
    }

    /// Made by x265 of 320x240 in 10 bits with a sample aspect of 32:27 and the colours of BT.2020 with HLG.
    const PARAMETERS: [u8; 49] = [
        0x42, 0x01, 0x01, 0x02, 0x20, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x3c,
        0xa0, 0x0a, 0x08, 0x0f, 0x13, 0x65, 0x95, 0x9a, 0x49, 0x32, 0xbf, 0xfc, 0x00, 0x80, 0x00, 0x6d, 0xa8, 0x48,
        0x90, 0x48, 0x20, 0x00, 0x00, 0x03, 0x00, 0x20, 0x00, 0x00, 0x03, 0x03, 0xc1,
    ];

    #[test]
    fn parameters_state_shape_and_colours() {
        let head = [1, 2, 0x20, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 0x3c, 0xf0, 0, 0xfc, 0xfd, 0xfa, 0xfa, 0, 0, 0x0f];
        let other = [0x20, 0, 1, 0, 2, 0x40, 0x01];
        let array = [0x21, 0, 1, 0, PARAMETERS.len() as u8];
        let config = [&head[..], &[2], &other, &array, &PARAMETERS].concat();
        let stated = stated(&config).unwrap();
        assert_eq!(stated.sample_aspect, Some((32, 27)));
        assert_eq!(stated.color, Color::from_codes(9, 18, 9, Range::Limited));
        assert_eq!(highest_sub_layer(&config), Some(0));
        assert_eq!(profile(&config), profile(&[&[0, 0, 0, 1][..], &PARAMETERS].concat()));
        assert_eq!((super::stated(&config[..40]), highest_sub_layer(&config[..30])), (None, None));
    }
}
