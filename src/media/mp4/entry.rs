//! Sample descriptions: how the samples of a track are coded (ISO/IEC 14496-12 section 8.5.2 and the standards of the codecs;
//! the QuickTime File Format for its older forms).

use super::boxes::{Atom, Cursor, Kind, damaged};
use super::items::{Profile, color_of};
use crate::error::Result;
use crate::media::picture::{Color, Size};
use crate::media::{AudioFormat, Codec, DolbyVision, codec};

/// What an entry of `stsd` says of its samples.
#[derive(Debug)]
pub(super) struct Coding<'a> {
    /// How they are coded.
    pub(super) codec: Codec,
    /// The codec's configuration; empty where there is none.
    pub(super) config: &'a [u8],
}

/// What an entry says of pictures.
#[derive(Debug)]
pub(super) struct Pictures {
    /// Size in pixels; either side may be zero.
    pub(super) coded: Size,
    /// Width of a pixel to its height, if it says; neither is zero.
    pub(super) sample_aspect: Option<(u32, u32)>,
    /// The colours, as far as it says.
    pub(super) color: Color,
    /// What Dolby Vision adds to them, if it says.
    pub(super) dolby_vision: Option<DolbyVision>,
}

/// An entry of `stsd`, with the version of the box around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    atom: Atom<'a>,
    box_version: u8,
}

/// The entry that the first samples of a track use. Those of other entries are taken to be coded likewise.
pub(super) fn first(stbl: Atom<'_>) -> Result<Entry<'_>> {
    let (box_version, _, mut stsd) = stbl.required(*b"stsd")?.full()?;
    stsd.u32()?;
    let place = description(stbl).unwrap_or(1).saturating_sub(1);
    let mut entries = stsd.children().map_while(Result::ok);
    let first = entries.next().ok_or_else(|| damaged(*b"stsd", "has no entry"))?;
    let atom = match place {
        0 => first,
        place => entries.nth(place as usize - 1).unwrap_or(first),
    };
    Ok(Entry { atom, box_version })
}

/// Which entry the first chunk uses, counted from one; `None` in a fragmented file.
fn description(stbl: Atom<'_>) -> Option<u32> {
    let (_, _, mut stsc) = stbl.child(*b"stsc").ok()??.full().ok()?;
    let [_, _, _, description] = [stsc.u32().ok()?, stsc.u32().ok()?, stsc.u32().ok()?, stsc.u32().ok()?];
    Some(description)
}

impl<'a> Entry<'a> {
    /// Reads the entry of a track of pictures.
    pub(super) fn video(&self) -> Result<(Coding<'a>, Pictures)> {
        let mut cursor = self.atom.cursor();
        // Entry head (8), version, vendor and qualities (16).
        cursor.take(24)?;
        let coded = Size { width: cursor.u16()?.into(), height: cursor.u16()?.into() };
        // Resolutions (8), data size (4), frame count (2), name (32), depth (2), colour table (2).
        cursor.take(50)?;
        let mut pictures = Pictures { coded, sample_aspect: None, color: Color::default(), dolby_vision: None };
        for child in inside(cursor) {
            match &child.kind {
                b"pasp" => pictures.sample_aspect = aspect(child).ok().flatten(),
                b"colr" => {
                    if let Ok(Profile::Codes(color)) = color_of(child) {
                        pictures.color = color;
                    }
                }
                b"dvcC" | b"dvvC" | b"dvwC" => pictures.dolby_vision = DolbyVision::read(child.body),
                _ => {}
            }
        }
        Ok((self.video_coding(cursor), pictures))
    }

    fn video_coding(&self, children: Cursor<'a>) -> Coding<'a> {
        let config = |kind| body(children, kind);
        let kind = self.atom.kind;
        let (codec, config) = match &kind {
            b"avc1" | b"avc2" | b"avc3" | b"avc4" | b"dva1" | b"dvav" => (Codec::Avc, config(b"avcC")),
            b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => (Codec::Hevc, config(b"hvcC")),
            b"av01" | b"dav1" => (Codec::Av1, config(b"av1C")),
            b"vp08" => (Codec::Vp8, config(b"vpcC")),
            b"vp09" => (Codec::Vp9, config(b"vpcC")),
            b"mp4v" => described(children).map_or((Codec::Mpeg4, &[][..]), |(object, config)| (visual(object), config)),
            b"xvid" | b"XVID" | b"divx" | b"DIVX" | b"DX50" | b"FMP4" => (Codec::Mpeg4, &[][..]),
            // The decoder takes the depth of the samples from the four characters.
            b"ap4h" | b"ap4x" | b"apch" | b"apcn" | b"apcs" | b"apco" => (Codec::ProRes, self.kind_bytes()),
            b"jpeg" | b"mjpa" | b"mjpg" => (Codec::Mjpeg, &[][..]),
            b"m1v " | b"m1v1" | b"mpeg" | b"mp1v" => (Codec::Mpeg1, &[][..]),
            b"m2v1" | b"mp2v" | b"mpg2" => (Codec::Mpeg2, &[][..]),
            // HDV, XDCAM HD, XDCAM HD422 and IMX.
            [b'h', b'd', b'v', _] | [b'x', b'd', b'v' | b'5' | b'h', _] => (Codec::Mpeg2, &[][..]),
            [b'm', b'x', b'3' | b'4' | b'5', b'n' | b'p'] => (Codec::Mpeg2, &[][..]),
            _ => (Codec::Other(u32::from_be_bytes(kind)), &[][..]),
        };
        Coding { codec, config }
    }

    fn kind_bytes(&self) -> &'static [u8] {
        match &self.atom.kind {
            b"ap4h" => b"ap4h",
            b"ap4x" => b"ap4x",
            b"apch" => b"apch",
            b"apcs" => b"apcs",
            b"apco" => b"apco",
            _ => b"apcn",
        }
    }

    /// Reads the entry of a track of sound.
    pub(super) fn audio(&self) -> Result<(Coding<'a>, AudioFormat)> {
        let mut cursor = self.atom.cursor();
        cursor.take(8)?;
        let version = cursor.u16()?;
        // Revision (2), vendor (4).
        cursor.take(6)?;
        let mut channels = cursor.u16()?;
        // Bits a sample, compression and packet size.
        cursor.take(6)?;
        let mut sample_rate = cursor.u32()? >> 16;
        match (self.box_version, version) {
            (0, 1) => drop(cursor.take(16)?),
            (0, 2) => {
                // The size of this form (4), then the rate as a double and the channels.
                cursor.take(4)?;
                let rate = f64::from_bits(cursor.u64()?);
                sample_rate = rate.clamp(0.0, f64::from(u32::MAX)) as u32;
                channels = u16::try_from(cursor.u32()?).unwrap_or(u16::MAX);
                cursor.take(20)?;
            }
            _ => {}
        }
        let coding = self.audio_coding(cursor);
        // Writers put two into the field whatever there are.
        let told = codec::channels(coding.config).filter(|_| coding.codec == Codec::Aac);
        Ok((coding, AudioFormat { sample_rate, channels: told.unwrap_or(channels) }))
    }

    fn audio_coding(&self, children: Cursor<'a>) -> Coding<'a> {
        let config = |kind| body(children, kind);
        let other = Codec::Other(u32::from_be_bytes(self.atom.kind));
        let (codec, config) = match &self.atom.kind {
            b"mp4a" => described(children).map_or((other, &[][..]), |(object, config)| (sound(object, other), config)),
            b"ac-3" => (Codec::Ac3, config(b"dac3")),
            b"ec-3" => (Codec::Eac3, config(b"dec3")),
            b"Opus" => (Codec::Opus, config(b"dOps")),
            b"fLaC" => (Codec::Flac, config(b"dfLa")),
            b".mp3" | b"mp3 " | b"ms\0U" => (Codec::Mp3, &[][..]),
            _ => (other, &[][..]),
        };
        Coding { codec, config }
    }

    /// What any other entry says.
    pub(super) fn other(&self) -> Coding<'a> {
        Coding { codec: Codec::Other(u32::from_be_bytes(self.atom.kind)), config: &[] }
    }
}

/// The boxes at the end of an entry. Old writers leave other things behind them, which end the list.
fn inside(cursor: Cursor<'_>) -> impl Iterator<Item = Atom<'_>> {
    cursor.children().map_while(Result::ok)
}

fn body<'a>(children: Cursor<'a>, kind: &Kind) -> &'a [u8] {
    inside(children).find(|child| child.kind == *kind).map_or(&[], |child| child.body)
}

/// Width of a pixel to its height (ISO/IEC 14496-12 section 12.1.4); `None` where either is zero.
fn aspect(pasp: Atom<'_>) -> Result<Option<(u32, u32)>> {
    let mut cursor = pasp.cursor();
    let (wide, high) = (cursor.u32()?, cursor.u32()?);
    Ok((wide > 0 && high > 0).then_some((wide, high)))
}

/// Kinds of pictures by object type (the MP4 registration authority's list).
fn visual(object: u8) -> Codec {
    match object {
        0x20 => Codec::Mpeg4,
        0x60..=0x65 => Codec::Mpeg2,
        0x6a => Codec::Mpeg1,
        0x6c => Codec::Mjpeg,
        object => Codec::Other(object.into()),
    }
}

/// Kinds of sound by object type.
fn sound(object: u8, other: Codec) -> Codec {
    match object {
        0x40 | 0x66..=0x68 => Codec::Aac,
        0x69 | 0x6b => Codec::Mp3,
        0xa5 => Codec::Ac3,
        0xa6 => Codec::Eac3,
        0xad => Codec::Opus,
        0xdd => Codec::Vorbis,
        _ => other,
    }
}

/// The object type and the decoder's configuration in the `esds` box of an entry, or of the `wave` box that QuickTime puts
/// around it. `None` where there is none that can be read.
fn described(children: Cursor<'_>) -> Option<(u8, &[u8])> {
    let direct = inside(children).find(|child| child.kind == *b"esds");
    let wrapped = || inside(children).find(|child| child.kind == *b"wave")?.child(*b"esds").ok()?;
    let (_, _, mut cursor) = direct.or_else(wrapped)?.full().ok()?;
    // ES_Descriptor (ISO/IEC 14496-1 section 7.2.6.5).
    descriptor(&mut cursor, 3)?;
    cursor.u16().ok()?;
    let flags = cursor.u8().ok()?;
    if flags & 0x80 != 0 {
        cursor.u16().ok()?;
    }
    if flags & 0x40 != 0 {
        let length = cursor.u8().ok()?;
        cursor.take(length.into()).ok()?;
    }
    if flags & 0x20 != 0 {
        cursor.u16().ok()?;
    }
    // DecoderConfigDescriptor (section 7.2.6.6): object type, stream type, buffer size and two bitrates.
    descriptor(&mut cursor, 4)?;
    let object = cursor.u8().ok()?;
    cursor.take(12).ok()?;
    let config = descriptor(&mut cursor, 5).and_then(|length| cursor.take(length).ok());
    Some((object, config.unwrap_or_default()))
}

/// Passes over the head of a descriptor with this tag; how many bytes it has (ISO/IEC 14496-1 section 8.3.3).
fn descriptor(cursor: &mut Cursor<'_>, tag: u8) -> Option<usize> {
    if cursor.u8().ok()? != tag {
        return None;
    }
    let mut length = 0;
    for _ in 0..4 {
        let byte = cursor.u8().ok()?;
        length = length << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some(length);
        }
    }
    Some(length)
}
