//! Packets of a transport stream: 188 bytes each, a header, what adapts it, a piece of a stream.

/// Bytes of a packet (ISO/IEC 13818-1 section 2.4.3.2).
pub(super) const PACKET: usize = 188;

/// Bytes of a packet behind its header.
const ROOM: usize = PACKET - 4;

/// Times are counted in so many bits.
const TIME_MASK: u64 = (1 << 33) - 1;

/// Packets of a stream are numbered by four bits. A segment ends where they start again, so that the next goes on.
const COUNT: u64 = 16;

/// What starts a run of packets besides the piece of stream: section 2.4.3.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Start {
    /// The clock, in ticks of 90 kHz.
    pub(super) clock: Option<u64>,
    /// Whether decoding can start here.
    pub(super) random_access: bool,
}

impl Start {
    /// Bytes that it takes of the first packet.
    fn len(self) -> usize {
        match self {
            Start { clock: Some(_), .. } => 8,
            Start { clock: None, random_access: true } => 2,
            Start { clock: None, random_access: false } => 0,
        }
    }

    /// The field without the byte of its length.
    fn flags(self) -> u8 {
        u8::from(self.random_access) << 6 | u8::from(self.clock.is_some()) << 4
    }
}

/// The header of a packet of an elementary stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) stream_id: u8,
    /// When it is shown and decoded, in ticks of 90 kHz.
    pub(super) shown: u64,
    pub(super) decoded: u64,
}

impl Header {
    /// Bytes that it takes.
    pub(super) fn len(self) -> usize {
        if self.shown == self.decoded { 14 } else { 19 }
    }

    /// Adds it to `out`, for so many bytes behind it (section 2.4.3.6).
    pub(super) fn write(self, payload: usize, out: &mut Vec<u8>) {
        let times = self.len() - 9;
        // Pictures may be longer than the field can tell, which is then zero.
        let length = u16::try_from(3 + times + payload).unwrap_or(0);
        out.extend_from_slice(&[0, 0, 1, self.stream_id]);
        out.extend_from_slice(&length.to_be_bytes());
        let (flags, mark) = if times == 5 { (0x80, 0x20) } else { (0xc0, 0x30) };
        // Access units start where the payload does.
        out.extend_from_slice(&[0x84, flags, times as u8]);
        out.extend_from_slice(&time(mark, self.shown));
        if times > 5 {
            out.extend_from_slice(&time(0x10, self.decoded));
        }
    }
}

/// A time of 33 bits between marks.
fn time(mark: u8, time: u64) -> [u8; 5] {
    let time = time & TIME_MASK;
    [
        mark | (time >> 29) as u8 & 0x0e | 1,
        (time >> 22) as u8,
        (time >> 14) as u8 | 1,
        (time >> 7) as u8,
        (time << 1) as u8 | 1,
    ]
}

/// How many packets so many bytes of a stream take.
pub(super) fn count(start: Start, bytes: usize) -> u64 {
    let first = ROOM - start.len();
    1 + bytes.saturating_sub(first).div_ceil(ROOM) as u64
}

/// The count of packets with those added that bring the number after them back to zero, as far as there are bytes for
/// them; `before` were written already.
pub(super) fn rounded(before: u64, packets: u64, bytes: usize) -> u64 {
    let wanted = packets + (COUNT - (before + packets) % COUNT) % COUNT;
    wanted.min(packets.max(bytes as u64))
}

/// The bytes of a unit in a row of packets of one stream. Any of them can be written without those before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Where the packets lie.
    pub(super) pid: u16,
    /// How many packets of the stream come before.
    pub(super) before: u64,
    /// What starts the first.
    pub(super) start: Start,
    /// How many bytes there are.
    pub(super) bytes: usize,
    /// How many packets: no fewer than [`count`], and no more than there are bytes. The last ones take one byte each where
    /// there are more than it takes.
    pub(super) packets: u64,
}

impl Run {
    /// Where the bytes of a packet begin among those of the run; its length for the packet behind the last.
    pub(super) fn offset(&self, packet: u64) -> usize {
        let left = self.packets.saturating_sub(packet) as usize;
        let full = match packet {
            0 => 0,
            packet => packet as usize * ROOM - self.start.len(),
        };
        full.min(self.bytes.saturating_sub(left))
    }
}

/// Packets in the making: those of a run from one on.
pub(super) struct Packing<'a> {
    run: &'a Run,
    /// The packet that is opened next, and the room left in the one before.
    next: u64,
    room: usize,
    out: &'a mut Vec<u8>,
}

impl<'a> Packing<'a> {
    /// The packets of `run` from `packet` on, added to `out`.
    pub(super) fn new(run: &'a Run, packet: u64, out: &'a mut Vec<u8>) -> Packing<'a> {
        Packing { run, next: packet, room: 0, out }
    }

    /// Adds the next bytes of the run.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.room == 0 {
                self.open();
            }
            let (piece, rest) = bytes.split_at(self.room.min(bytes.len()));
            self.out.extend_from_slice(piece);
            self.room -= piece.len();
            bytes = rest;
        }
    }

    fn open(&mut self) {
        let Run { pid, before, start, .. } = *self.run;
        let is_first = self.next == 0;
        self.room = (self.run.offset(self.next + 1) - self.run.offset(self.next)).clamp(1, ROOM);
        let stuffed = ROOM - self.room;
        let control = if stuffed > 0 { 0x30 } else { 0x10 };
        head(if is_first { 0x4000 | pid } else { pid }, before.wrapping_add(self.next), control, self.out);
        if stuffed > 0 {
            adapt(if is_first { start } else { Start::default() }, stuffed, self.out);
        }
        self.next += 1;
    }
}

/// Adds the header of a packet: where it lies, behind a mark where a unit starts; its number; what it has (section 2.4.3.2).
fn head(place: u16, number: u64, control: u8, out: &mut Vec<u8>) {
    let [high, low] = place.to_be_bytes();
    out.extend_from_slice(&[0x47, high, low, control | (number % COUNT) as u8]);
}

/// Adds a packet with nothing but the clock. It has the number of the packet before (section 2.4.3.3).
pub(super) fn write_clock(pid: u16, before: u64, clock: u64, out: &mut Vec<u8>) {
    head(pid, before.wrapping_sub(1), 0x20, out);
    adapt(Start { clock: Some(clock), random_access: false }, ROOM, out);
}

/// Adds a field of adaptation that takes exactly `size` bytes, its length among them (section 2.4.3.4).
fn adapt(start: Start, size: usize, out: &mut Vec<u8>) {
    let end = out.len() + size;
    out.push((size - 1) as u8);
    if size > 1 {
        out.push(start.flags());
    }
    if let Some(clock) = start.clock {
        // 33 bits of 90 kHz, six reserved, nine that divide the tick.
        let field = (clock & TIME_MASK) << 15 | 0x7e00;
        out.extend_from_slice(&field.to_be_bytes()[2..]);
    }
    out.resize(end, 0xff);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The bytes of a stream in a row of packets, and how often each packet number occurs out of turn.
    fn read(packets: &[u8]) -> (Vec<u8>, usize) {
        let (mut bytes, mut faults, mut next) = (Vec::new(), 0, 0);
        for packet in packets.chunks(PACKET) {
            assert_eq!((packet.len(), packet[0]), (PACKET, 0x47));
            let from = if packet[3] & 0x20 == 0 { 4 } else { 5 + usize::from(packet[4]) };
            if packet[3] & 0x10 != 0 {
                faults += usize::from(packet[3] & 15 != next);
                next = (next + 1) % 16;
                bytes.extend_from_slice(&packet[from..]);
            } else {
                assert_eq!(from, PACKET);
            }
        }
        (bytes, faults)
    }

    proptest! {
        #[test]
        fn packets_hold_the_bytes(
            sizes in prop::collection::vec(20usize..900, 1..6),
            clock in any::<Option<u64>>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let (mut out, mut all, mut before) = (Vec::new(), Vec::new(), 0);
            for (place, size) in sizes.iter().enumerate() {
                let bytes: Vec<u8> = (0..*size).map(|at| at as u8).collect();
                let start = Start { clock, random_access: place == 0 };
                let mut packets = count(start, *size);
                if place + 1 == sizes.len() {
                    packets = rounded(before, packets, *size);
                }
                let run = Run { pid: 0x100, before, start, bytes: *size, packets };
                let from = out.len();
                Packing::new(&run, 0, &mut out).feed(&bytes);
                prop_assert_eq!(out.len() - from, packets as usize * PACKET);
                // From any packet on, the bytes from its place on make the same packets.
                let (mut rest, packet) = (Vec::new(), cut.index(packets as usize));
                Packing::new(&run, packet as u64, &mut rest).feed(&bytes[run.offset(packet as u64)..]);
                prop_assert_eq!(&rest[..], &out[from + packet * PACKET..]);
                all.extend(bytes);
                before += packets;
            }
            prop_assert_eq!(before % COUNT, 0);
            prop_assert_eq!(read(&out), (all, 0));
        }
    }

    #[test]
    fn times_have_marks() {
        assert_eq!(time(0x20, 0), [0x21, 0, 1, 0, 1]);
        assert_eq!(time(0x30, TIME_MASK), [0x3f, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(time(0x10, TIME_MASK + 1), [0x11, 0, 1, 0, 1]);
        assert_eq!(time(0x20, 900_000), [0x21, 0, 0x37, 0x77, 0x41]);
    }

    #[test]
    fn a_clock_takes_a_packet_and_no_number() {
        let mut out = Vec::new();
        write_clock(0x101, 3, 1, &mut out);
        assert_eq!(out[..12], [0x47, 0x01, 0x01, 0x22, 183, 0x10, 0, 0, 0, 0, 0xfe, 0]);
        assert_eq!(out.len(), PACKET);
    }
}
