//! The tables that open a transport stream: which program it has (PAT), and which streams make it up (PMT).

use super::carriage::Carriage;
use super::packets::PACKET;

/// Where the table of the program lies.
const PROGRAM: u16 = 0x1000;

/// The only program.
const NUMBER: u16 = 1;

/// The packet with the table of programs (ISO/IEC 13818-1 section 2.4.4.3).
pub(super) fn programs(counter: u8) -> [u8; PACKET] {
    let [number_high, number_low] = NUMBER.to_be_bytes();
    let [pid_high, pid_low] = (0xe000 | PROGRAM).to_be_bytes();
    let body = [
        // The identifier of the stream.
        0,
        1,
        // Version zero, in force; section zero of zero.
        0xc1,
        0,
        0,
        number_high,
        number_low,
        pid_high,
        pid_low,
    ];
    packet(0, counter, &section(0x00, &body))
}

/// The packet with the table of the program's streams, each by its place in the stream and how it is carried (section
/// 2.4.4.8). `clock` is where the clock is.
pub(super) fn program(counter: u8, clock: u16, streams: &[(u16, Carriage)]) -> [u8; PACKET] {
    let [number_high, number_low] = NUMBER.to_be_bytes();
    let [clock_high, clock_low] = (0xe000 | clock).to_be_bytes();
    // Version zero, in force; section zero of zero; where the clock is; nothing said of the program.
    let mut body = vec![number_high, number_low, 0xc1, 0, 0, clock_high, clock_low, 0xf0, 0];
    for (pid, carriage) in streams {
        body.push(carriage.stream_type);
        body.extend((0xe000 | pid).to_be_bytes());
        body.extend((0xf000 | carriage.descriptors.len() as u16).to_be_bytes());
        body.extend_from_slice(&carriage.descriptors);
    }
    packet(PROGRAM, counter, &section(0x02, &body))
}

/// A section: its kind and length in front, its checksum behind.
fn section(kind: u8, body: &[u8]) -> Vec<u8> {
    let [high, low] = (0xb000 | (body.len() + 4) as u16).to_be_bytes();
    let mut bytes = vec![kind, high, low];
    bytes.extend_from_slice(body);
    bytes.extend(checksum(&bytes).to_be_bytes());
    bytes
}

/// A packet that holds one section, which fits.
fn packet(pid: u16, counter: u8, section: &[u8]) -> [u8; PACKET] {
    let mut packet = [0xff; PACKET];
    let [high, low] = (0x4000 | pid).to_be_bytes();
    // The section starts right behind its pointer.
    packet[..5].copy_from_slice(&[0x47, high, low, 0x10 | counter & 15, 0]);
    packet[5..5 + section.len()].copy_from_slice(section);
    packet
}

/// The checksum of sections (annex A).
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << 24, |sum, _| match sum >> 31 {
            0 => sum << 1,
            _ => sum << 1 ^ 0x04c1_1db7,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_with_its_checksum_leaves_nothing() {
        let packet = programs(17);
        assert_eq!(packet[..8], [0x47, 0x40, 0x00, 0x11, 0x00, 0x00, 0xb0, 0x0d]);
        assert_eq!(packet[17..21], [0x2a, 0xb1, 0x04, 0xb2]);
        assert_eq!(checksum(&packet[5..21]), 0);
        assert!(packet[21..].iter().all(|byte| *byte == 0xff));
    }
}
