//! Sample entries: how the samples of a track are coded (ISO/IEC 14496-12 section 8.5.2 and the standards of the codecs).

use super::boxes::Boxes;
use crate::media::picture::{Color, Range};
use crate::media::{AudioFormat, Codec, Media, Track, VideoFormat};

/// Why no sample entry can be written for a track, in words; `None` where one can.
pub(super) fn fault(track: &Track) -> Option<String> {
    let name = format!("{:?}", track.codec);
    let config = &track.config[..];
    let fits = match (track.codec, &track.media) {
        (_, Media::Video(format)) if format.coded.width.max(format.coded.height) > u16::MAX.into() => {
            return Some(format!("its pictures are of {}", format.coded));
        }
        (Codec::Avc, Media::Video(_)) => has_parameters_avc(config),
        (Codec::Hevc, Media::Video(_)) => has_parameters_hevc(config),
        (Codec::Av1, Media::Video(_)) => config.len() >= 4,
        (Codec::Vp9, Media::Video(_)) => config.len() >= 12,
        (Codec::Aac, Media::Audio(_)) => config.len() >= 2,
        (Codec::Ac3, Media::Audio(_)) => config.len() >= 3,
        (Codec::Eac3, Media::Audio(_)) => config.len() >= 5,
        (Codec::Mp3, Media::Audio(_)) => true,
        (Codec::Opus, Media::Audio(_)) => dops(config).is_some(),
        (Codec::Flac, Media::Audio(_)) => dfla(config).is_some(),
        _ => return Some(format!("{name} is not carried in it")),
    };
    (!fits).then(|| format!("the file lacks what configures its decoder, or damaged it ({name})"))
}

/// Whether this is `avcC` with a parameter set of each kind (ISO/IEC 14496-15 section 5.3.3.1).
fn has_parameters_avc(config: &[u8]) -> bool {
    config.len() > 8 && config[0] == 1 && config[5] & 31 > 0
}

/// Whether this is `hvcC` with parameter sets (ISO/IEC 14496-15 section 8.3.3.1).
fn has_parameters_hevc(config: &[u8]) -> bool {
    config.len() > 23 && !config.starts_with(&[0, 0, 1]) && !config.starts_with(&[0, 0, 0, 1]) && config[22] > 0
}

/// Writes the entry of a track that has no [`fault`].
pub(super) fn write(stsd: &mut Boxes, track: &Track) {
    match &track.media {
        Media::Video(format) => pictures(stsd, track, format),
        Media::Audio(format) => sound(stsd, track, *format),
        Media::Other => {}
    }
}

/// Section 12.1.3.
fn pictures(stsd: &mut Boxes, track: &Track, format: &VideoFormat) {
    // Pictures of Dolby Vision that are of no use without it go by a name that other players pass over.
    let is_dolby_alone = format.dolby_vision.is_some_and(|dolby| dolby.compatibility == 0);
    let kind = match (track.codec, is_dolby_alone) {
        (Codec::Avc, _) => b"avc1",
        (Codec::Hevc, false) => b"hvc1",
        (Codec::Hevc, true) => b"dvh1",
        (Codec::Av1, false) => b"av01",
        (Codec::Av1, true) => b"dav1",
        _ => b"vp09",
    };
    stsd.atom(kind, |entry| {
        head(entry);
        entry.zeros(16);
        entry.u16(format.coded.width.min(u16::MAX.into()) as u16);
        entry.u16(format.coded.height.min(u16::MAX.into()) as u16);
        // 72 dots an inch, reserved, one frame a sample, no name, 24 bits deep, no colour table.
        entry.u32(0x48_0000);
        entry.u32(0x48_0000);
        entry.u32(0);
        entry.u16(1);
        entry.zeros(32);
        entry.u16(24);
        entry.u16(0xffff);
        match track.codec {
            Codec::Avc => entry.atom(b"avcC", |avcc| avcc.bytes(&track.config)),
            Codec::Hevc => entry.atom(b"hvcC", |hvcc| complete_arrays(hvcc, &track.config)),
            Codec::Av1 => entry.atom(b"av1C", |av1c| av1c.bytes(&track.config)),
            _ => entry.atom(b"vpcC", |vpcc| vpcc.bytes(&track.config)),
        }
        if let Some(dolby) = format.dolby_vision {
            entry.atom(dolby.box_name(), |body| body.bytes(&dolby.record));
        }
        entry.atom(b"pasp", |pasp| {
            pasp.u32(format.sample_aspect.0);
            pasp.u32(format.sample_aspect.1);
        });
        colr(entry, format.color);
    });
}

/// Writes `hvcC` with a claim that all parameter sets are in it, as `hvc1` has them (ISO/IEC 14496-15 section 8.3.3.1).
fn complete_arrays(hvcc: &mut Boxes, config: &[u8]) {
    let (head, mut rest) = config.split_at(config.len().min(23));
    hvcc.bytes(head);
    while let Some(([kind, high, low], units)) = rest.split_first_chunk::<3>() {
        let is_set = (32..=34).contains(&(kind & 63));
        hvcc.bytes(&[if is_set { kind | 0x80 } else { *kind }, *high, *low]);
        rest = units;
        for _ in 0..u16::from_be_bytes([*high, *low]) {
            let Some((length, _)) = rest.split_first_chunk::<2>() else { break };
            let (unit, behind) = rest.split_at(rest.len().min(2 + usize::from(u16::from_be_bytes(*length))));
            hvcc.bytes(unit);
            rest = behind;
        }
    }
    hvcc.bytes(rest);
}

/// Colours by code points (section 12.1.5, ISO/IEC 23091-2), where any are stated.
fn colr(entry: &mut Boxes, color: Color) {
    let codes = color.codes();
    if codes == [2; 3] {
        return;
    }
    entry.atom(b"colr", |colr| {
        colr.bytes(b"nclx");
        codes.iter().for_each(|code| colr.u16(*code));
        colr.u8(if color.range == Range::Full { 0x80 } else { 0 });
    });
}

/// Section 12.2.3.
fn sound(stsd: &mut Boxes, track: &Track, format: AudioFormat) {
    let kind = match track.codec {
        Codec::Ac3 => b"ac-3",
        Codec::Eac3 => b"ec-3",
        Codec::Opus => b"Opus",
        Codec::Flac => b"fLaC",
        _ => b"mp4a",
    };
    stsd.atom(kind, |entry| {
        head(entry);
        entry.zeros(8);
        entry.u16(format.channels);
        entry.u16(bits(track));
        entry.zeros(4);
        entry.u32(rate(track.codec, format.sample_rate) << 16);
        match track.codec {
            Codec::Ac3 => entry.atom(b"dac3", |dac3| dac3.bytes(&track.config)),
            Codec::Eac3 => entry.atom(b"dec3", |dec3| dec3.bytes(&track.config)),
            Codec::Opus => entry.atom(b"dOps", |body| body.bytes(&dops(&track.config).unwrap_or_default())),
            Codec::Flac => entry.atom(b"dfLa", |body| body.bytes(&dfla(&track.config).unwrap_or_default())),
            codec => esds(entry, codec, &track.config),
        }
    });
}

/// Reserved bytes, and the place of the data reference.
fn head(entry: &mut Boxes) {
    entry.zeros(6);
    entry.u16(1);
}

/// Samples a second as 16 bits hold them: halved as often as they must be (FLAC in ISOBMFF section 3.3.1). Opus has but one
/// (RFC 7845 section 5.1).
fn rate(codec: Codec, rate: u32) -> u32 {
    let halvings = rate.checked_ilog2().map_or(0, |log| log.saturating_sub(15));
    if codec == Codec::Opus { 48_000 } else { rate >> halvings }
}

/// Bits a sample, which browsers hold FLAC to (FLAC in ISOBMFF section 3.3.1); 16 for sound that has no such thing.
fn bits(track: &Track) -> u16 {
    let info = dfla(&track.config).filter(|_| track.codec == Codec::Flac);
    // Five bits of STREAMINFO, less one (RFC 9639 section 8.2).
    let at = info.and_then(|body| body.get(8 + 12..8 + 14)?.try_into().ok());
    at.map_or(16, |pair| (u16::from_be_bytes(pair) >> 4 & 31) + 1)
}

/// Longest AudioSpecificConfig that is written; real ones have less than a hundred bytes.
const CONFIG_MAX: usize = 4096;

/// Object types (the MP4 registration authority's list).
const AAC: u8 = 0x40;
const MP3: u8 = 0x6b;

/// Descriptors in one another (ISO/IEC 14496-1 section 7.2.6.5).
fn esds(entry: &mut Boxes, codec: Codec, config: &[u8]) {
    let specific = match codec {
        Codec::Aac => descriptor(5, &config[..config.len().min(CONFIG_MAX)]),
        _ => Vec::new(),
    };
    let object = if codec == Codec::Aac { AAC } else { MP3 };
    // Sound; buffer size (3) and two bitrates (4 each) are not stated.
    let decoder = [&[object, 5 << 2 | 1][..], &[0; 11], &specific].concat();
    // Number (2) and flags of the stream; nothing but what MP4 predefines of its packets.
    let stream = [&[0; 3][..], &descriptor(4, &decoder), &descriptor(6, &[2])].concat();
    entry.full(b"esds", 0, 0, |esds| esds.bytes(&descriptor(3, &stream)));
}

/// A descriptor with its tag and its length in seven bits a byte (section 8.3.3).
fn descriptor(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let seven = |shift: usize| (length >> shift & 0x7f) as u8;
    [&[tag, seven(21) | 0x80, seven(14) | 0x80, seven(7) | 0x80, seven(0)][..], body].concat()
}

/// `dOps` (Opus in ISOBMFF section 4.3.2), as it is or from the header of an Ogg stream (RFC 7845 section 5.1), whose numbers
/// are little-endian.
fn dops(config: &[u8]) -> Option<Vec<u8>> {
    let Some(header) = config.strip_prefix(b"OpusHead") else {
        return (config.len() >= 11).then(|| config.to_vec());
    };
    let ([_, channels, s0, s1, r0, r1, r2, r3, g0, g1], mapping) = header.split_first_chunk::<10>()?;
    let fields = [0, *channels, *s1, *s0, *r3, *r2, *r1, *r0, *g1, *g0];
    (!mapping.is_empty()).then(|| [&fields[..], mapping].concat())
}

/// Bytes of the STREAMINFO of FLAC (RFC 9639 section 8.2).
const STREAMINFO: usize = 34;

/// `dfLa` (FLAC in ISOBMFF section 3.3.2), as it is or around STREAMINFO, which stands alone or behind the marker and header
/// of a FLAC file.
fn dfla(config: &[u8]) -> Option<Vec<u8>> {
    let info = match config.strip_prefix(b"fLaC") {
        Some(blocks) => blocks.get(4..4 + STREAMINFO)?,
        None if config.len() == STREAMINFO => config,
        None => return (config.len() >= 8 + STREAMINFO).then(|| config.to_vec()),
    };
    // Version and flags; the last block, of kind 0, and its length.
    Some([&[0, 0, 0, 0, 0x80, 0, 0, STREAMINFO as u8][..], info].concat())
}
