//! Closed captions inside pictures: which channels of CEA-608 and services of CEA-708 the messages of samples carry.

use super::avc::messages;
use super::nal::{Framing, unescaped};
use crate::media::{ClosedCaptions, Codec};

/// Bytes of a unit of messages that are looked at.
const MESSAGES_MAX: usize = 4096;

/// User data registered by Recommendation ITU-T T.35 (ISO/IEC 14496-10 section D.1.6).
const REGISTERED: usize = 4;

/// The United States, ATSC, its caption data (ATSC A/53 part 4 section 6.2.3).
const CAPTION_DATA: &[u8] = b"\xb5\0\x31GA94\x03";

/// The captions that samples of a track carry. Where they have room for captions and nothing in it yet, that counts as
/// the first channel.
pub fn closed_captions<'a>(codec: Codec, config: &[u8], samples: impl Iterator<Item = &'a [u8]>) -> ClosedCaptions {
    let (framing, head, kind) = match codec {
        Codec::Avc => (Framing::of_avc(config), 1, (|head| head & 31 == 6) as fn(u8) -> bool),
        Codec::Hevc => (Framing::of_hevc(config), 2, (|head| head >> 1 & 63 == 39) as fn(u8) -> bool),
        _ => return ClosedCaptions::default(),
    };
    let mut seen = Seen::default();
    for unit in samples.flat_map(|sample| framing.units(sample)) {
        if !unit.first().is_some_and(|first| kind(*first)) {
            continue;
        }
        let bytes = unescaped(unit.get(head..).unwrap_or_default(), MESSAGES_MAX);
        let registered = messages(&bytes).filter(|(kind, _)| *kind == REGISTERED);
        for data in registered.filter_map(|(_, message)| message.strip_prefix(CAPTION_DATA)) {
            seen.look_at(data);
        }
    }
    seen.captions()
}

/// What was seen so far.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    found: ClosedCaptions,
    /// Whether there is room for captions.
    room: bool,
    /// Whether characters were seen in each field, whatever channel they are of.
    characters: [bool; 2],
    /// Whether the second field tells of the programme for now (CEA-608 section 8.6).
    data: bool,
}

impl Seen {
    /// Looks at the caption data of one picture (ATSC A/53 part 4 section 6.2.3.1).
    fn look_at(&mut self, data: &[u8]) {
        let Some((flags, rest)) = data.split_first() else { return };
        if flags & 0x40 == 0 {
            return;
        }
        // A packet of CEA-708 as far as this picture has it.
        let mut packet = Vec::new();
        let constructs = rest.get(1..).unwrap_or_default().chunks_exact(3).take(usize::from(flags & 31));
        for construct in constructs.filter(|construct| construct[0] & 4 != 0) {
            let pair = [construct[1], construct[2]];
            match construct[0] & 3 {
                field @ (0 | 1) => {
                    self.room = true;
                    self.pair(field.into(), pair.map(|byte| byte & 0x7f));
                }
                kind => {
                    if kind == 3 {
                        self.services(&packet);
                        packet.clear();
                    }
                    // Without its start it cannot be read.
                    if kind == 3 || !packet.is_empty() {
                        packet.extend(pair);
                    }
                }
            }
        }
        self.services(&packet);
    }

    /// A pair of characters of a field, without their parities.
    fn pair(&mut self, field: usize, pair: [u8; 2]) {
        match pair[0] {
            // Control codes name their channel (CEA-608 section 8.4).
            code @ 0x10..=0x1f => {
                self.found.channels |= 1 << (2 * field + usize::from(code >> 3 & 1));
                self.data &= field == 0;
            }
            0x01..=0x0f if field == 1 => self.data = true,
            0x20..=0x7f if field == 0 || !self.data => self.characters[field] = true,
            _ => {}
        }
    }

    /// The services that have blocks in a packet (CEA-708 section 6).
    fn services(&mut self, packet: &[u8]) {
        let Some((head, mut rest)) = packet.split_first() else { return };
        let size = match usize::from(head & 63) {
            0 => 127,
            code => 2 * code - 1,
        };
        rest = &rest[..size.min(rest.len())];
        while let Some((head, behind)) = rest.split_first() {
            let (mut service, size) = (head >> 5, usize::from(head & 31));
            rest = behind;
            if service == 7 && size > 0 {
                let Some((extended, behind)) = rest.split_first() else { return };
                (service, rest) = (extended & 63, behind);
            }
            // The null block ends the packet.
            if service == 0 {
                return;
            }
            self.found.services |= u64::from(size > 0) << service;
            rest = rest.get(size..).unwrap_or_default();
        }
    }

    fn captions(self) -> ClosedCaptions {
        let mut found = self.found;
        for (field, characters) in self.characters.into_iter().enumerate() {
            let of_field = 3 << (2 * field);
            if characters && found.channels & of_field == 0 {
                found.channels |= 1 << (2 * field);
            }
        }
        if self.room && found == ClosedCaptions::default() {
            found.channels = 1;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sample of AVC with caption data of three bytes each.
    fn sample(data: &[[u8; 3]]) -> Vec<u8> {
        let body = [CAPTION_DATA, &[0x40 | data.len() as u8, 0xff], data.as_flattened(), &[0xff]].concat();
        let unit = [&[6, 4, body.len() as u8][..], &body, &[0x80]].concat();
        [&[0, 0, 0, unit.len() as u8][..], &unit, &[0, 0, 0, 2, 0x65, 0x88]].concat()
    }

    const AVC: [u8; 7] = [1, 100, 0, 31, 0xff, 0xe0, 0];

    #[track_caller]
    fn check(samples: &[&[[u8; 3]]], channels: u8, services: u64) {
        let samples: Vec<_> = samples.iter().map(|data| sample(data)).collect();
        let found = closed_captions(Codec::Avc, &AVC, samples.iter().map(Vec::as_slice));
        assert_eq!(found, ClosedCaptions { channels, services });
    }

    #[test]
    fn channels_of_cea_608() {
        check(&[&[[0xfc, 0x94, 0x20]]], 0b0001, 0);
        check(&[&[[0xfc, 0x1c, 0x20], [0xfd, 0x15, 0x20]], &[[0xfd, 0x9d, 0x20]]], 0b1110, 0);
        // Characters before any code, data of the programme, nothing so far, nothing valid.
        check(&[&[[0xfc, 0xc8, 0xe9]]], 0b0001, 0);
        check(&[&[[0xfd, 0x01, 0x03], [0xfd, 0xc8, 0xe9]]], 0b0001, 0);
        check(&[&[[0xfc, 0x80, 0x80]], &[[0xfd, 0x80, 0x80]]], 0b0001, 0);
        check(&[&[[0xf8, 0x94, 0x20]]], 0, 0);
        check(&[&[]], 0, 0);
    }

    #[test]
    fn services_of_cea_708() {
        check(&[&[[0xff, 0x02, 0x22], [0xfe, b'H', b'i']]], 0, 1 << 1);
        check(
            &[&[[0xff, 0x04, 0x21], [0xfe, b'a', 0x41], [0xfe, b'b', 0xe1], [0xfe, 63, b'c']]],
            0,
            1 << 1 | 1 << 2 | 1 << 63,
        );
        // The null block, a rest without a start, a packet without blocks.
        check(&[&[[0xff, 0x02, 0x00], [0xfe, 0x22, 0x22]], &[[0xfe, 0x22, 0x22]], &[[0xff, 0x01, 0x20]]], 0, 0);
    }

    #[test]
    fn messages_of_hevc_and_of_others() {
        let avc = sample(&[[0xfc, 0x94, 0x20]]);
        let unit = [&[39 << 1, 1][..], &avc[5..4 + usize::from(avc[3])]].concat();
        let hevc = [&[0, 0, 0, unit.len() as u8][..], &unit].concat();
        let mut config = [0; 23];
        (config[0], config[21]) = (1, 3);
        let found = closed_captions(Codec::Hevc, &config, [&hevc[..]].into_iter());
        assert_eq!(found, ClosedCaptions { channels: 1, services: 0 });
        assert_eq!(closed_captions(Codec::Av1, &[], [&avc[..]].into_iter()), ClosedCaptions::default());
        for end in 0..avc.len() {
            closed_captions(Codec::Avc, &AVC, [&avc[..end]].into_iter());
        }
    }
}
