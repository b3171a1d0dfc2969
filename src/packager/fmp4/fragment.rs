//! A segment: `styp`, one `moof`, one `mdat` around samples of the source (ISO/IEC 14496-12 section 8.8, ISO/IEC 23000-19
//! section 7.3).

use super::boxes::Boxes;
use crate::packager::layout::Layout;
use crate::packager::timeline::Timed;

/// Flags of a sample (ISO/IEC 14496-12 section 8.8.3.1): one that depends on no other, and one that decoding cannot start at.
const SYNC: u32 = 2 << 24;
const NOT_SYNC: u32 = 1 << 24 | 1 << 16;

/// Flags of `tfhd` (section 8.8.7).
const DEFAULT_DURATION: u32 = 0x8;
const DEFAULT_SIZE: u32 = 0x10;
const DEFAULT_FLAGS: u32 = 0x20;
const DEFAULT_BASE_IS_MOOF: u32 = 0x2_0000;

/// Flags of `trun` (section 8.8.8).
const DATA_OFFSET: u32 = 0x1;
const FIRST_FLAGS: u32 = 0x4;
const DURATION: u32 = 0x100;
const SIZE: u32 = 0x200;
const FLAGS: u32 = 0x400;
const OFFSET: u32 = 0x800;

/// Bytes of everything but the rows of `trun`.
const FIXED_BYTES: usize = 256;

/// The segment `number` of some samples, which `samples` gives in decoding order, the same ones each time. Empty where there
/// are none.
pub(super) fn write<I: Iterator<Item = Timed>>(number: u32, samples: impl Fn() -> I) -> Layout {
    let mut layout = Layout::default();
    let Some(shape) = Shape::of(samples()) else { return layout };
    let mut boxes = Boxes::with_capacity(FIXED_BYTES + shape.row_bytes() * shape.count as usize);
    boxes.atom(b"styp", |styp| {
        styp.bytes(b"msdh");
        styp.u32(0);
        styp.bytes(b"msdhcmfscmff");
    });
    let start = boxes.len();
    let mut offset_at = start;
    boxes.atom(b"moof", |moof| {
        moof.full(b"mfhd", 0, 0, |mfhd| mfhd.u32(number));
        moof.atom(b"traf", |traf| {
            shape.tfhd(traf);
            traf.full(b"tfdt", 1, 0, |tfdt| tfdt.u64(shape.decode));
            offset_at = shape.trun(traf, samples());
        });
    });
    // Samples follow the header of `mdat`, which takes the long form from 4 GiB on (section 4.2.2).
    let short = u32::try_from(shape.bytes.saturating_add(8)).ok();
    let header = if short.is_some() { 8 } else { 16 };
    boxes.set_u32(offset_at, (boxes.len() - start + header) as u32);
    boxes.u32(short.unwrap_or(1));
    boxes.bytes(b"mdat");
    if short.is_none() {
        boxes.u64(shape.bytes.saturating_add(16));
    }
    layout.made(boxes.into_bytes());
    for sample in samples() {
        layout.source(sample.offset..sample.offset.saturating_add(sample.size.into()));
    }
    layout
}

/// What is alike in all samples of a fragment, and what each must say itself.
#[derive(Debug)]
struct Shape {
    /// When the first is decoded.
    decode: u64,
    /// How many there are.
    count: u32,
    /// How many bytes they have together.
    bytes: u64,
    /// How long each lasts, where all last alike.
    duration: Option<u32>,
    /// How many bytes each has, where all have as many.
    size: Option<u32>,
    /// The flags of the first, and of all behind it where those are alike.
    flags: (u32, Option<u32>),
    /// Whether any is not shown when it is decoded.
    is_reordered: bool,
}

impl Shape {
    fn of(mut samples: impl Iterator<Item = Timed>) -> Option<Shape> {
        let first = samples.next()?;
        let mut clock = Clock::new(&first);
        let mut shape = Shape {
            decode: clock.0.max(0) as u64,
            count: 1,
            bytes: first.size.into(),
            duration: Some(first.duration),
            size: Some(first.size),
            flags: (flags(&first), None),
            is_reordered: clock.offset(&first) != 0,
        };
        let mut rest = None;
        for sample in samples {
            shape.count = shape.count.saturating_add(1);
            shape.bytes = shape.bytes.saturating_add(sample.size.into());
            shape.duration = shape.duration.filter(|duration| *duration == sample.duration);
            shape.size = shape.size.filter(|size| *size == sample.size);
            let same = rest.unwrap_or(Some(flags(&sample)));
            rest = Some(same.filter(|same| *same == flags(&sample)));
            shape.is_reordered |= clock.offset(&sample) != 0;
        }
        shape.flags.1 = rest.unwrap_or(Some(shape.flags.0));
        Some(shape)
    }

    /// What `trun` says of each sample.
    fn row(&self) -> u32 {
        let said = |flag: u32, is_said: bool| if is_said { flag } else { 0 };
        said(DURATION, self.duration.is_none())
            | said(SIZE, self.size.is_none())
            | said(FLAGS, self.flags.1.is_none())
            | said(OFFSET, self.is_reordered)
    }

    fn row_bytes(&self) -> usize {
        self.row().count_ones() as usize * 4
    }

    fn tfhd(&self, traf: &mut Boxes) {
        let defaults = [(DEFAULT_DURATION, self.duration), (DEFAULT_SIZE, self.size), (DEFAULT_FLAGS, self.flags.1)];
        let said = defaults.iter().filter_map(|(flag, value)| value.map(|_| *flag)).sum::<u32>();
        traf.full(b"tfhd", 0, DEFAULT_BASE_IS_MOOF | said, |tfhd| {
            tfhd.u32(super::movie::TRACK);
            defaults.iter().filter_map(|(_, value)| *value).for_each(|value| tfhd.u32(value));
        });
    }

    /// Writes the rows of all samples; where the field is that says where their bytes begin.
    fn trun(&self, traf: &mut Boxes, samples: impl Iterator<Item = Timed>) -> usize {
        let row = self.row();
        let first = if self.flags.1.is_some_and(|rest| rest != self.flags.0) { FIRST_FLAGS } else { 0 };
        let mut offset_at = 0;
        traf.full(b"trun", 1, DATA_OFFSET | first | row, |trun| {
            trun.u32(self.count);
            offset_at = trun.len();
            trun.u32(0);
            if first != 0 {
                trun.u32(self.flags.0);
            }
            let mut clock = Clock(i64::try_from(self.decode).unwrap_or(i64::MAX));
            for sample in samples {
                let fields = [
                    (DURATION, sample.duration),
                    (SIZE, sample.size),
                    (FLAGS, flags(&sample)),
                    (OFFSET, clock.offset(&sample) as u32),
                ];
                fields.iter().filter(|(flag, _)| row & flag != 0).for_each(|(_, value)| trun.u32(*value));
            }
        });
        offset_at
    }
}

/// The decoding time as a reader adds it up from durations.
struct Clock(i64);

impl Clock {
    fn new(first: &Timed) -> Clock {
        Clock(first.decode.max(0))
    }

    /// From when the next sample is decoded to when it is shown; the clock goes on behind it.
    fn offset(&mut self, sample: &Timed) -> i32 {
        let offset = sample.shown.saturating_sub(self.0);
        self.0 = self.0.saturating_add(sample.duration.into());
        offset.clamp(i32::MIN.into(), i32::MAX.into()) as i32
    }
}

fn flags(sample: &Timed) -> u32 {
    if sample.keyframe { SYNC } else { NOT_SYNC }
}
